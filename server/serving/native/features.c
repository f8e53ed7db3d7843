/* What the reranker knows of candidates, see `features.py`: the order there is the order here. */

#include <math.h>
#include <stdint.h>

#include "interface.h"

static const double DAY_MS = 86400000.0;

/* Places by score, 0 for the largest, of equal ones the first first. */
static void rank(const float *scores, int32_t count, float *ranks) {
    for (int32_t i = 0; i < count; i++) {
        int32_t before = 0;
        for (int32_t j = 0; j < i; j++) before += scores[j] >= scores[i];
        for (int32_t j = i + 1; j < count; j++) before += scores[j] > scores[i];
        ranks[i] = (float)before;
    }
}

/* Whether each candidate has the label of the newest product, and the past's faded share of its label. */
static void share(const Known *known, const int32_t *labels, float *same, float *shares) {
    float total = 0;
    for (int32_t at = 0; at < known->seed_count; at++) total += known->fade[at];
    for (int32_t i = 0; i < known->count; i++) {
        int32_t label = labels[known->rows[i]];
        float sum = 0;
        for (int32_t at = 0; at < known->seed_count && label >= 0; at++)
            sum += labels[known->seeds[at]] == label ? known->fade[at] : 0;
        same[i] = label >= 0 && known->seed_count && labels[known->seeds[0]] == label;
        shares[i] = sum > 0 ? sum / total : 0;
    }
}

/* The logarithm of each candidate's price over the past's typical one; 0 where one is unknown. */
static void compare_prices(const Known *known, float *ratios) {
    double sum = 0;
    int32_t seen = 0;
    for (int32_t at = 0; at < known->seed_count; at++) {
        float price = known->models->price[known->seeds[at]];
        if (!(price > 0)) continue; /* or NaN */
        sum += logf(price);
        seen++;
    }
    for (int32_t i = 0; i < known->count; i++) {
        float price = known->models->price[known->rows[i]];
        ratios[i] = seen && price > 0 ? (float)(logf(price) - sum / seen) : 0;
    }
}

/* What the shopper did with a candidate: how often, moments and days since, and the days by the usual pause. */
static void recall(const Known *known, int32_t row, float *times, float *moments, float *days, float *due) {
    int64_t newest = 0, oldest = 0;
    *times = 0;
    *moments = *days = *due = known->never;
    for (int32_t at = known->past_count - 1; at >= 0; at--) { /* newest first */
        if (known->past_rows[at] != row) continue;
        oldest = known->past_times_ms[at];
        if (!(*times)++) {
            newest = oldest;
            *moments = (float)known->past_moments[at];
        }
    }
    if (!*times) return;
    double since = (known->now_ms - (double)newest) / DAY_MS;
    double pause = (double)(newest - oldest) / DAY_MS / (*times > 1 ? *times - 1 : 1);
    *days = (float)since;
    if (pause > 0) *due = (float)(since / (pause > 1e-3 ? pause : 1e-3));
}

static float highest(const float *scores, int32_t count, float least) {
    for (int32_t i = 0; i < count; i++) least = scores[i] > least ? scores[i] : least;
    return least;
}

static float *copied(float *to, const float *values, int32_t count) {
    for (int32_t i = 0; i < count; i++) to[i] = values[i];
    return to + count;
}

static float *filled(float *to, float value, int32_t count) {
    for (int32_t i = 0; i < count; i++) to[i] = value;
    return to + count;
}

static const float *said(const Known *known, int32_t what) { return known->said + (int64_t)what * known->room; }

/* What the models say. */
static float *tell_scores(const Known *known, float *to) {
    int32_t count = known->count;
    const float *linear = said(known, LINEAR + 1), *again = said(known, AGAIN);
    float best = highest(linear, count, 0), nearest = highest(known->tower, count, -1);
    to = copied(to, said(known, MERGED), count);
    to = copied(to, linear, count);
    to = copied(to, said(known, LINEAR), count);
    to = copied(to, said(known, LINEAR + 2), count);
    for (int32_t i = 0; i < count; i++) *to++ = (linear[i] - known->mean) / known->deviation;
    rank(linear, count, to);
    to += count;
    for (int32_t i = 0; i < count; i++) *to++ = best - linear[i];
    to = filled(to, best, count);
    to = copied(to, said(known, STRONGEST), count);
    to = copied(to, again, count);
    rank(again, count, to);
    to = copied(to + count, known->tower, count);
    rank(known->tower, count, to);
    to += count;
    for (int32_t i = 0; i < count; i++) *to++ = nearest - known->tower[i];
    to = copied(to, said(known, WORDS_NEWEST), count);
    to = copied(to, said(known, WORDS_ANY), count);
    return copied(to, said(known, BOUGHT), count);
}

/* What the shop knows of the products. */
static float *tell_trends(const Known *known, float *to) {
    int32_t count = known->count;
    const float *trends[4];
    for (int32_t number = 0; number < 4; number++) {
        trends[number] = to;
        for (int32_t i = 0; i < count; i++)
            *to++ = known->models->trends[(int64_t)number * known->models->product_count + known->rows[i]];
    }
    for (int32_t i = 0; i < count; i++) *to++ = trends[1][i] - trends[2][i];
    for (int32_t i = 0; i < count; i++) *to++ = trends[2][i] - trends[0][i];
    for (int32_t i = 0; i < count; i++) *to++ = known->models->age_days[known->rows[i]];
    return filled(to, known->seed_count ? known->models->trends[known->seeds[0]] : 0, count);
}

void vitrina_features(const Known *known, float *to) {
    int32_t count = known->count, last = known->past_count - 1;
    to = tell_trends(known, tell_scores(known, to));
    share(known, known->models->category, to, to + count);
    share(known, known->models->brand, to + 2 * count, to + 3 * count);
    compare_prices(known, to + 4 * count);
    to = filled(to + 5 * count, (float)known->seed_count, count);
    to = filled(to, last < 0 ? 0 : (float)known->past_moments[0] + 1, count);
    double since = last < 0 ? known->never : (known->now_ms - (double)known->past_times_ms[last]) / DAY_MS;
    to = filled(to, (float)since, count);
    for (int32_t i = 0; i < count; i++)
        recall(known, known->rows[i], to + i, to + count + i, to + 2 * count + i, to + 3 * count + i);
}
