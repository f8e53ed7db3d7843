/* A list: what sources found is added up, what may not be shown is left out, and the best are picked one by one so that
 * the list has variety. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"

enum {
    SUMS = 16,    /* kept apart, so that a compiler adds them side by side */
    LONGEST = 200 /* of what a list is picked from */
};

static const float OFF = -10; /* is added to the value (0..1) of a near duplicate, or of what is over a cap */

typedef struct {
    int32_t row, source, at;
    float loudest;
    double sum;
} Entry;

typedef struct {
    Entry *entries;
    int32_t *places; /* of entries by row, -1: free */
    int32_t count;
    uint32_t mask;
} Sums;

static int32_t *place_of(const Sums *sums, int32_t row) {
    for (uint32_t at = ((uint32_t)row * 2654435769u) >> 7;; at++) { /* Fibonacci hashing (Knuth) */
        int32_t *place = &sums->places[at & sums->mask];
        if (*place < 0 || sums->entries[*place].row == row) return place;
    }
}

static void add(Sums *sums, int32_t row, float score, int32_t source, int32_t at) {
    int32_t *place = place_of(sums, row);
    if (*place < 0) {
        *place = sums->count++;
        sums->entries[*place] = (Entry){row, source, at, score, score};
        return;
    }
    Entry *entry = &sums->entries[*place];
    entry->sum += score;
    if (score > entry->loudest) {
        entry->loudest = score;
        entry->source = source;
        entry->at = at;
    }
}

static int32_t heard(const Source *source) { return source->most < source->count ? source->most : source->count; }

static void add_pairs(Sums *sums, const Source *source, int32_t number, const int32_t *seeds, const float *weights,
                      int32_t seed_count) {
    int32_t most = heard(source);
    for (int32_t seed = 0; seed < seed_count; seed++) {
        const int32_t *rows = source->rows + (int64_t)seeds[seed] * 2 * source->count;
        const float *scores = (const float *)(rows + source->count);
        float scale = weights[seed] * source->scale;
        for (int32_t i = 0; i < most; i++) {
            float score = scores[i] * scale;
            if (score == 0) continue; /* short lists end with the product itself at 0 */
            add(sums, rows[i], (score < source->highest ? score : source->highest) * source->weight, number, seed);
        }
    }
}

static void add_list(Sums *sums, const Source *source, int32_t number) {
    for (int32_t i = 0; i < source->count; i++)
        add(sums, source->rows[i], source->scores[i] * source->weight, number, i);
}

static int is_allowed(const Allowed *allowed, int32_t row) {
    if (!allowed->in_shop[row] || (allowed->in_category && !allowed->in_category[row])) return 0;
    if (!isnan(allowed->price_min) && !(allowed->price[row] >= allowed->price_min)) return 0;
    return isnan(allowed->price_max) || allowed->price[row] <= allowed->price_max;
}

static int is_better(const Entry *one, const Entry *other) {
    return one->sum > other->sum || (one->sum == other->sum && one->row < other->row);
}

/* The best entries that may be shown, best first; how many. */
static int32_t best_of(const Sums *sums, const Allowed *allowed, int32_t most, const Entry **best) {
    int32_t count = 0;
    for (const Entry *entry = sums->entries; entry < sums->entries + sums->count; entry++) {
        if (!(entry->sum > 0) || (count == most && !is_better(entry, best[count - 1]))) continue;
        if (!is_allowed(allowed, entry->row)) continue;
        int32_t at = count < most ? count++ : count - 1;
        for (; at && is_better(entry, best[at - 1]); at--) best[at] = best[at - 1];
        best[at] = entry;
    }
    return count;
}

static float product(const float *one, const float *other, int32_t dimensions) {
    float sums[SUMS] = {0}, sum = 0;
    int32_t i = 0;
    for (; i + SUMS <= dimensions; i += SUMS)
        for (int32_t j = 0; j < SUMS; j++) sums[j] += one[i + j] * other[i + j];
    for (; i < dimensions; i++) sum += one[i] * other[i];
    for (int32_t j = 0; j < SUMS; j++) sum += sums[j];
    return sum;
}

static int is_full(const int32_t *labels, double share, int32_t limit, const Entry *entry, const Picked *picked,
                   int32_t count) {
    if (share >= 1 || labels[entry->row] < 0) return 0;
    int32_t same = 0;
    for (int32_t i = 0; i < count; i++) same += labels[picked[i].row] == labels[entry->row];
    return same >= fmax(2, nearbyint(limit * share));
}

/* In the way of maximal marginal relevance (Carbonell and Goldstein, 1998), but each product above costs its likeness,
 * not only the likest one; near duplicates and what is over a cap come after everything else. */
static int32_t pick(const Likeness *likeness, const Wanted *wanted, const Entry **best, int32_t found, Picked *picked) {
    float value[LONGEST];
    uint8_t is_put_off[LONGEST] = {0};
    int32_t count = 0, dimensions = likeness->dimensions;
    int32_t limit = found < wanted->limit ? found : wanted->limit;
    for (int32_t i = 0; i < found; i++) value[i] = (float)(best[i]->sum / best[0]->sum);
    while (count < limit) {
        int32_t at = 0;
        for (int32_t i = 1; i < found; i++)
            if (value[i] > value[at]) at = i;
        const Entry *entry = best[at];
        if (!is_put_off[at] && (is_full(likeness->brand, wanted->per_brand, limit, entry, picked, count) ||
                                is_full(likeness->category, wanted->per_category, limit, entry, picked, count))) {
            is_put_off[at] = 1;
            value[at] += OFF;
            continue;
        }
        picked[count++] = (Picked){entry->row, entry->source, entry->at, (float)entry->sum};
        value[at] = -INFINITY;
        const float *own = likeness->vectors + (int64_t)entry->row * dimensions;
        for (int32_t i = 0; i < found && dimensions; i++) {
            if (value[i] == -INFINITY) continue;
            float cosine = product(own, likeness->vectors + (int64_t)best[i]->row * dimensions, dimensions);
            value[i] += cosine >= wanted->near_duplicate ? OFF : -wanted->variety * cosine;
        }
    }
    return count;
}

int32_t vitrina_pick(const Source *sources, int32_t source_count, const int32_t *seeds, const float *weights,
                     int32_t seed_count, const int32_t *left_out, int32_t left_out_count, const Allowed *allowed,
                     const Likeness *likeness, const Wanted *wanted, Picked *picked) {
    size_t candidates = 0, room = 64;
    for (int32_t i = 0; i < source_count; i++)
        candidates += sources[i].scores ? (size_t)sources[i].count : (size_t)heard(&sources[i]) * seed_count;
    while (room < 2 * candidates) room *= 2; /* at most half full, so that places are found soon */
    Entry *entries = malloc(candidates * sizeof(Entry) + room * sizeof(int32_t));
    if (!entries) return -1;
    Sums sums = {entries, (int32_t *)(entries + candidates), 0, (uint32_t)room - 1};
    memset(sums.places, -1, room * sizeof(int32_t));
    for (int32_t i = 0; i < source_count; i++) {
        if (sources[i].scores)
            add_list(&sums, &sources[i], i);
        else
            add_pairs(&sums, &sources[i], i, seeds, weights, seed_count);
    }
    for (int32_t i = 0; i < left_out_count; i++) {
        int32_t place = *place_of(&sums, left_out[i]);
        if (place >= 0) entries[place].sum = 0;
    }
    const Entry *best[LONGEST];
    int32_t found = best_of(&sums, allowed, wanted->pool < LONGEST ? wanted->pool : LONGEST, best);
    int32_t count = pick(likeness, wanted, best, found, picked);
    free(entries);
    return count;
}
