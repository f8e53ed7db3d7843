/* Which product of the past a listed one would lose most places without. See `evidence.py`. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "interface.h"

enum { ROOM = 512 }; /* of the table of rows, at most half full */

static uint32_t hashed(int32_t row) { return ((uint32_t)row * 2654435769u) >> 7; }

/* Where each row is, -1: nowhere. */
static void number(const Citing *citing, int32_t *places) {
    for (int32_t i = 0; i < ROOM; i++) places[i] = -1;
    for (int32_t row = 0; row < citing->count; row++) {
        uint32_t at = hashed(citing->rows[row]);
        while (places[at % ROOM] >= 0) at++;
        places[at % ROOM] = row;
    }
}

static int32_t place_of(const Citing *citing, const int32_t *places, int32_t row) {
    uint32_t at = hashed(row);
    while (places[at % ROOM] >= 0 && citing->rows[places[at % ROOM]] != row) at++;
    return places[at % ROOM];
}

/* How loudly each product of the past speaks for each row by itself, (count, seed_count). */
static void weigh(const Citing *citing, float *costs) {
    int32_t places[ROOM], most = citing->most < citing->width ? citing->most : citing->width;
    number(citing, places);
    for (int32_t at = 0; at < citing->seed_count; at++) {
        const int32_t *listed = citing->table + (int64_t)citing->seeds[at] * 2 * citing->width;
        const float *scores = (const float *)(listed + citing->width);
        float faded = citing->fade[at] * citing->slope;
        for (int32_t i = 0; i < most && scores[i] > 0; i++) {
            int32_t place = place_of(citing, places, listed[i]);
            if (place >= 0) costs[place * citing->seed_count + at] += scores[i] * faded;
        }
    }
}

/* The score of a row without one product of the past. */
static float without(const Citing *citing, const float *costs, int32_t row, int32_t at) {
    /* trees: a product that was never chosen is not brought back, all below it come up */
    if (citing->by_trees && citing->rows[row] == citing->seeds[at]) return -INFINITY;
    return citing->scores[row] - citing->weight * costs[row * citing->seed_count + at];
}

static int32_t places_lost(const Citing *citing, const float *costs, int32_t row, int32_t at) {
    float own = without(citing, costs, row, at);
    int32_t before = 0;
    for (int32_t other = 0; other < citing->count; other++) {
        float score = without(citing, costs, other, at);
        before += score > own || (score == own && other < row);
    }
    return before - row;
}

static int32_t cited(const Citing *citing, const float *costs, int32_t row, float loudest) {
    const float *own = costs + row * citing->seed_count;
    float total = 0, best = -INFINITY;
    int32_t found = -1, found_lost = 0;
    for (int32_t at = 0; at < citing->seed_count; at++) total += own[at];
    for (int32_t at = 0; at < citing->seed_count; at++) {
        if (!(own[at] > 0) || own[at] < citing->part * total) continue;
        int32_t lost = places_lost(citing, costs, row, at);
        /* where nothing else speaks for it and no trees look at other things, it would not be here */
        if (!citing->by_trees && own[at] >= 0.999f * total) lost = citing->count;
        float worth = (float)lost + own[at] / (2 * loudest);
        if (worth > best) {
            best = worth;
            found = at;
            found_lost = lost;
        }
    }
    return found_lost >= citing->least ? found : -1;
}

int32_t vitrina_cite(const Citing *citing, int32_t *seeds) {
    size_t size = (size_t)citing->count * citing->seed_count;
    float *costs = calloc(size ? size : 1, sizeof(float)), loudest = 0;
    if (!costs) return -1;
    weigh(citing, costs);
    for (size_t i = 0; i < size; i++) loudest = costs[i] > loudest ? costs[i] : loudest;
    for (int32_t i = 0; i < citing->place_count; i++) seeds[i] = cited(citing, costs, citing->places[i], loudest);
    free(costs);
    return citing->place_count;
}
