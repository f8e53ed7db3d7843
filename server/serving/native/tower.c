/* The shopper tower: a pre-norm transformer over a shopper's newest events, see `tower.py`. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "wide.h"

static const float EPSILON = 1e-5f; /* of torch's LayerNorm */

typedef struct {
    float *hidden, *normed, *split, *mixed, *inner; /* (t, d), (t, d), (t, 3 d), (t, d), (t, e) */
    float *shares;                                  /* (t,) */
} Memory;

/* Rows (count, width) times steps (width, out), plus a bias, into (count, out). */
WIDE static void linear(const float *rows, int32_t count, int32_t width, const Step *step, int32_t out, float *to) {
    for (int32_t row = 0; row < count; row++, rows += width, to += out) {
        memcpy(to, step->bias, out * sizeof(float));
        for (int32_t i = 0; i + 4 <= width; i += 4) {
            const float *steps = step->steps + (int64_t)i * out;
            float first = rows[i], second = rows[i + 1], third = rows[i + 2], fourth = rows[i + 3];
            for (int32_t j = 0; j < out; j++)
                to[j] += first * steps[j] + second * steps[out + j] + third * steps[2 * out + j] +
                         fourth * steps[3 * out + j];
        }
    }
}

/* Each row with mean 0 and variance 1. */
WIDE static void norm(const float *rows, int32_t count, int32_t width, float *to) {
    for (int32_t row = 0; row < count; row++, rows += width, to += width) {
        float mean = 0, variance = 0;
        for (int32_t i = 0; i < width; i++) mean += rows[i] / width;
        for (int32_t i = 0; i < width; i++) variance += (rows[i] - mean) * (rows[i] - mean) / width;
        float scale = 1 / sqrtf(variance + EPSILON);
        for (int32_t i = 0; i < width; i++) to[i] = (rows[i] - mean) * scale;
    }
}

/* The tanh form of GELU (Hendrycks and Gimpel 2016), its tanh as a quotient of polynomials, right to the seventh digit. */
WIDE static void gelu(float *values, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        float value = values[i], x = value * (0.7978845608f + 0.0356774081f * value * value);
        x = x > 7.9f ? 7.9f : x < -7.9f ? -7.9f : x;
        float y = x * x;
        float above = -2.76076847742355e-16f;
        above = above * y + 2.00018790482477e-13f;
        above = above * y - 8.60467152213735e-11f;
        above = above * y + 5.12229709037114e-08f;
        above = above * y + 1.48572235717979e-05f;
        above = above * y + 6.37261928875436e-04f;
        above = above * y + 4.89352455891786e-03f;
        float below = 1.19825839466702e-06f;
        below = below * y + 1.18534705686654e-04f;
        below = below * y + 2.26843463243900e-03f;
        below = below * y + 4.89352518554385e-03f;
        values[i] = 0.5f * value * (1 + x * above / below);
    }
}

/* One head of one event: what it takes over from the events that it sees. */
static void attend(const Tower *tower, const Layer *layer, const Window *window, const Memory *memory, int32_t event,
                   int32_t head, float *to) {
    int32_t width = tower->dimensions, size = width / tower->heads, own = window->moments[event];
    const float *query = memory->split + (int64_t)event * 3 * width + head * size;
    float highest = -INFINITY, total = 0, scale = 1 / sqrtf((float)size);
    for (int32_t other = 0; other < window->count; other++) {
        int32_t distance = window->moments[other] - own;
        const float *key = memory->split + (int64_t)other * 3 * width + width + head * size;
        float score = -INFINITY; /* of what came later */
        if (distance >= 0) {
            score = 0;
            for (int32_t i = 0; i < size; i++) score += query[i] * key[i];
            if (distance >= tower->reach) distance = tower->reach - 1;
            score = score * scale + layer->nearness[distance * tower->heads + head];
        }
        memory->shares[other] = score;
        highest = score > highest ? score : highest;
    }
    memset(to, 0, size * sizeof(float));
    for (int32_t other = 0; other < window->count; other++) {
        float share = expf(memory->shares[other] - highest);
        const float *value = memory->split + (int64_t)other * 3 * width + 2 * width + head * size;
        total += share;
        for (int32_t i = 0; i < size; i++) to[i] += share * value[i];
    }
    for (int32_t i = 0; i < size; i++) to[i] /= total;
}

/* One layer, for the events from `first` on. */
static void pass(const Tower *tower, const Layer *layer, const Window *window, const Memory *memory, int32_t first) {
    int32_t width = tower->dimensions, asking = window->count - first;
    float *hidden = memory->hidden + first * width, *mixed = memory->mixed;
    norm(memory->hidden, window->count, width, memory->normed);
    linear(memory->normed, window->count, width, &layer->mix, 3 * width, memory->split);
    for (int32_t event = first; event < window->count; event++)
        for (int32_t head = 0; head < tower->heads; head++)
            attend(tower, layer, window, memory, event, head,
                   mixed + (event - first) * width + head * (width / tower->heads));
    linear(mixed, asking, width, &layer->mixed, width, memory->normed);
    for (int32_t i = 0; i < asking * width; i++) hidden[i] += memory->normed[i];
    norm(hidden, asking, width, memory->normed);
    linear(memory->normed, asking, width, &layer->inner, tower->inner, memory->inner);
    gelu(memory->inner, asking * tower->inner);
    linear(memory->inner, asking, tower->inner, &layer->outer, width, memory->normed);
    for (int32_t i = 0; i < asking * width; i++) hidden[i] += memory->normed[i];
}

/* The events as the first layer reads them. */
static void enter(const Tower *tower, const Window *window, const float *items, float *hidden) {
    int32_t width = tower->dimensions;
    for (int32_t event = 0; event < window->count; event++) {
        float *to = hidden + event * width;
        int32_t kind = 0;
        while (kind < tower->kind_count - 1 && tower->borders[kind] < window->weights[event]) kind++;
        norm(items + (int64_t)window->rows[event] * width, 1, width, to);
        for (int32_t i = 0; i < width; i++)
            to[i] = to[i] * tower->entry_gain[i] + tower->entry_bias[i] + tower->kinds[kind * width + i];
    }
}

/* The outputs of the newest events, added up, at unit length. */
static void leave(const Tower *tower, const Memory *memory, int32_t first, int32_t count, float *vector) {
    int32_t width = tower->dimensions;
    float length = 0;
    norm(memory->hidden + first * width, count - first, width, memory->normed);
    memset(vector, 0, width * sizeof(float));
    for (int32_t event = 0; event < count - first; event++)
        for (int32_t i = 0; i < width; i++)
            vector[i] += memory->normed[event * width + i] * tower->exit_gain[i] + tower->exit_bias[i];
    for (int32_t i = 0; i < width; i++) length += vector[i] * vector[i];
    length = sqrtf(length) > 1e-12f ? sqrtf(length) : 1e-12f;
    for (int32_t i = 0; i < width; i++) vector[i] /= length;
}

int32_t vitrina_tower(const Tower *tower, const Window *window, const float *items, float *vector) {
    size_t count = window->count, width = tower->dimensions;
    float *all = malloc((count * (6 * width + tower->inner) + count) * sizeof(float));
    if (!all) return -1;
    Memory memory = {.hidden = all, .normed = all + count * width, .split = all + 2 * count * width};
    memory.mixed = memory.split + 3 * count * width;
    memory.inner = memory.mixed + count * width;
    memory.shares = memory.inner + count * tower->inner;
    int32_t newest = window->count - 1;
    while (newest && window->moments[newest - 1] == window->moments[window->count - 1]) newest--;
    enter(tower, window, items, memory.hidden);
    for (int32_t number = 0; number < tower->layer_count; number++)
        pass(tower, &tower->layers[number], window, &memory, number == tower->layer_count - 1 ? newest : 0);
    leave(tower, &memory, newest, window->count, vector);
    free(all);
    return 0;
}
