/* From a shop's own ids to numbers: ids are looked up by their hashes, which lie in order. */

#include <stdint.h>
#include <string.h>

#include "interface.h"

enum { FEW = 16 }; /* are looked at one by one */

uint64_t vitrina_hash(const uint8_t *text, int64_t length) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (int64_t i = 0; i < length; i++) hash = (hash ^ text[i]) * 1099511628211u;
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu; /* spread to all bits, as in MurmurHash3 */
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

/* The place of the first hash that is not below `wanted`. Where it lies can be guessed, as hashes spread evenly; every
 * other step halves instead, so that ids that were made up against the guess cost no more than a binary search. */
static int64_t first_from(const uint64_t *hashes, int64_t count, uint64_t wanted) {
    int64_t low = 0, high = count;
    for (int step = 0; high - low > FEW; step++) {
        uint64_t least = hashes[low], most = hashes[high - 1];
        if (wanted <= least) return low;
        if (wanted > most) return high;
        double share = step % 2 ? 0.5 : (double)(wanted - least) / (double)(most - least);
        int64_t at = low + (int64_t)(share * (double)(high - 1 - low));
        if (hashes[at] < wanted)
            low = at + 1;
        else
            high = at;
    }
    while (low < high && hashes[low] < wanted) low++;
    return low;
}

int32_t vitrina_find(const Keys *keys, const uint8_t *text, int64_t length) {
    uint64_t wanted = vitrina_hash(text, length);
    for (int64_t at = first_from(keys->hashes, keys->count, wanted); at < keys->count; at++) {
        if (keys->hashes[at] != wanted) break;
        uint64_t start = keys->starts[at];
        if (keys->starts[at + 1] - start == (uint64_t)length && !memcmp(keys->texts + start, text, (size_t)length))
            return keys->numbers[at];
    }
    return -1;
}
