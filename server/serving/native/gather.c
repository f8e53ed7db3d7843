/* The first stage: who may be of interest to one shopper, by every model that has a say, and what each says. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"

enum { FIRST_RANKED = WORDS_ANY, LAST_RANKED = LINEAR + 1 }; /* of what is said, these are merged */

typedef struct {
    float said[SAID];
    int32_t row;
    int32_t is_left_out;
} Candidate;

typedef struct {
    Candidate *candidates;
    int32_t *places; /* of candidates by row, -1: free */
    uint64_t *keys;  /* for sorting, one of each candidate */
    int32_t count;
    uint32_t mask;
} Pool;

static int32_t *place_of(const Pool *pool, int32_t row) {
    for (uint32_t at = ((uint32_t)row * 2654435769u) >> 7;; at++) { /* Fibonacci hashing (Knuth) */
        int32_t *place = &pool->places[at & pool->mask];
        if (*place < 0 || pool->candidates[*place].row == row) return place;
    }
}

static Candidate *candidate(Pool *pool, int32_t row) {
    int32_t *place = place_of(pool, row);
    if (*place < 0) {
        *place = pool->count++;
        pool->candidates[*place] = (Candidate){.row = row};
    }
    return &pool->candidates[*place];
}

/* One seed's list in a table. */
typedef struct {
    const int32_t *rows;
    const float *scores;
    int32_t count;
} List;

static List list_of(const int32_t *table, int32_t width, int32_t seed, int32_t most) {
    const int32_t *rows = table + (int64_t)seed * 2 * width;
    List list = {rows, (const float *)(rows + width), most < width ? most : width};
    while (list.count && list.scores[list.count - 1] <= 0) list.count--; /* short ones end with the seed itself at 0 */
    return list;
}

static void hear_linear(Pool *pool, const Asked *asked, int32_t at) {
    const Models *models = asked->models;
    List list = list_of(models->linear, models->linear_width, asked->seeds[at], asked->most_linear);
    const float *fade = asked->fade + at;
    for (int32_t i = 0; i < list.count; i++) {
        float *said = candidate(pool, list.rows[i])->said, score = list.scores[i];
        for (int32_t number = 0; number < 3; number++) said[LINEAR + number] += score * fade[number * asked->seed_count];
        if (score > said[STRONGEST]) said[STRONGEST] = score;
    }
}

static void hear_words(Pool *pool, const Asked *asked, int32_t at) {
    const Models *models = asked->models;
    List list = list_of(models->words, models->words_width, asked->seeds[at], asked->most_words);
    for (int32_t i = 0; i < list.count; i++) {
        float *said = candidate(pool, list.rows[i])->said, score = list.scores[i];
        if (score > said[WORDS_ANY]) said[WORDS_ANY] = score;
        if (!at) said[WORDS_NEWEST] = score;
    }
}

static void add_up(Pool *pool, List list, float fade, int32_t what) {
    for (int32_t i = 0; i < list.count; i++) candidate(pool, list.rows[i])->said[what] += list.scores[i] * fade;
}

static void hear_seeds(Pool *pool, const Asked *asked) {
    const Models *models = asked->models;
    for (int32_t at = 0; at < asked->seed_count; at++) {
        int32_t seed = asked->seeds[at];
        float fade = asked->fade[asked->seed_count + at];
        hear_linear(pool, asked, at);
        if (asked->again && models->again)
            add_up(pool, list_of(models->again, models->again_width, seed, asked->most_linear), fade, AGAIN);
        if (at < asked->worded) hear_words(pool, asked, at);
        add_up(pool, list_of(models->bought, models->bought_width, seed, asked->most_bought), fade, BOUGHT);
    }
}

/* Bits of floats from 0 up have their order; of equal ones the first is first. */
static uint64_t key_of(float score, int32_t at) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)~at;
}

static int by_size(const void *one, const void *other) {
    uint64_t first = *(const uint64_t *)one, second = *(const uint64_t *)other;
    return (first < second) - (first > second);
}

/* Brings the `most` largest keys to the front (quickselect, Hoare). */
static void select_largest(uint64_t *keys, int32_t count, int32_t most) {
    int32_t low = 0, high = count - 1;
    while (low < high) {
        uint64_t pivot = keys[low + (high - low) / 2];
        int32_t i = low, j = high;
        while (i <= j) {
            while (keys[i] > pivot) i++;
            while (keys[j] < pivot) j--;
            if (i <= j) {
                uint64_t kept = keys[i];
                keys[i++] = keys[j];
                keys[j--] = kept;
            }
        }
        if (most - 1 <= j)
            high = j;
        else if (most - 1 >= i)
            low = i;
        else
            return;
    }
}

/* The keys of the candidates with the largest scores above 0 that may come, largest first; how many. */
static int32_t best_by(const Pool *pool, int32_t what, int32_t most) {
    int32_t count = 0;
    for (int32_t at = 0; at < pool->count; at++) {
        const Candidate *one = &pool->candidates[at];
        if (one->said[what] > 0 && !one->is_left_out) pool->keys[count++] = key_of(one->said[what], at);
    }
    if (count > most) {
        select_largest(pool->keys, count, most);
        count = most;
    }
    qsort(pool->keys, count, sizeof *pool->keys, by_size);
    return count;
}

static int32_t at_of(uint64_t key) { return (int32_t) ~(uint32_t)key; }

static void merge_list(Pool *pool, const int32_t *rows, int32_t count, float offset) {
    for (int32_t i = 0; i < count; i++) candidate(pool, rows[i])->said[MERGED] += 1 / (i + offset);
}

/* Adds up reciprocal ranks, which needs no common scale (Cormack, Clarke and Buettcher, SIGIR 2009). */
static void merge_scores(Pool *pool, const Asked *asked) {
    for (int32_t what = FIRST_RANKED; what <= LAST_RANKED; what++) {
        int32_t count = best_by(pool, what, asked->per_source);
        for (int32_t i = 0; i < count; i++)
            pool->candidates[at_of(pool->keys[i])].said[MERGED] += 1 / (i + asked->rank_offset);
    }
}

static void leave_out(Pool *pool, const int32_t *rows, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        int32_t place = *place_of(pool, rows[i]);
        if (place >= 0) pool->candidates[place].is_left_out = 1;
    }
}

static void sum_up(const Pool *pool, double *sums) {
    sums[0] = sums[1] = 0;
    for (int32_t at = 0; at < pool->count; at++) {
        double score = pool->candidates[at].said[LINEAR + 1];
        sums[0] += score;
        sums[1] += score * score;
    }
}

static int32_t gather(Pool *pool, const Asked *asked, int32_t *rows, float *said, double *sums) {
    hear_seeds(pool, asked);
    sum_up(pool, sums);
    merge_list(pool, asked->near, asked->near_count, asked->rank_offset);
    merge_list(pool, asked->models->hot, asked->models->hot_count, asked->rank_offset);
    merge_list(pool, asked->in_category, asked->category_count, asked->rank_offset);
    if (asked->again) merge_list(pool, asked->seeds, asked->seed_count, asked->rank_offset);
    leave_out(pool, asked->left_out, asked->left_out_count);
    if (!asked->again) leave_out(pool, asked->seeds, asked->seed_count);
    merge_scores(pool, asked);
    int32_t count = best_by(pool, MERGED, asked->pool);
    for (int32_t i = 0; i < count; i++) {
        const Candidate *one = &pool->candidates[at_of(pool->keys[i])];
        rows[i] = one->row;
        for (int32_t what = 0; what < SAID; what++) said[what * asked->pool + i] = one->said[what];
    }
    return count;
}

int32_t vitrina_gather(const Asked *asked, int32_t *rows, float *said, double *sums) {
    size_t per_seed = (size_t)asked->most_linear * 2 + asked->most_words + asked->most_bought + 1;
    size_t most = per_seed * asked->seed_count + asked->near_count + asked->models->hot_count + asked->category_count;
    size_t room = 64;
    while (room < 2 * most) room *= 2; /* at most half full, so that places are found soon */
    uint64_t *keys = malloc(most * (sizeof(uint64_t) + sizeof(Candidate)) + room * sizeof(int32_t));
    if (!keys) return -1;
    Candidate *candidates = (Candidate *)(keys + most);
    Pool pool = {candidates, (int32_t *)(candidates + most), keys, 0, (uint32_t)room - 1};
    memset(pool.places, -1, room * sizeof(int32_t));
    int32_t count = gather(&pool, asked, rows, said, sums);
    free(keys);
    return count;
}
