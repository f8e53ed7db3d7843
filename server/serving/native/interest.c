/* What a shopper did lately, read from the lines that are kept of it, and what that says of interest. */

#include <stdint.h>
#include <string.h>

#include "interface.h"

typedef struct {
    const uint8_t *at, *end;
} Text;

static int skip(Text *text, const char *expected) {
    size_t length = strlen(expected);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, expected, length)) return 0;
    text->at += length;
    return 1;
}

/* The inside of a JSON string without escapes, up to and with its closing quote; -1: it has some, or no end. */
static int64_t inside(Text *text) {
    const uint8_t *start = text->at;
    for (; text->at < text->end && *text->at != '"'; text->at++)
        if (*text->at == '\\') return -1;
    if (text->at == text->end) return -1;
    return text->at++ - start;
}

static int32_t kind_of(const Kinds *kinds, const uint8_t *name, int64_t length) {
    for (int32_t kind = 0; kind < kinds->count; kind++)
        if (strlen(kinds->names[kind]) == (size_t)length && !memcmp(kinds->names[kind], name, (size_t)length)) return kind;
    return -1;
}

/* Whether one of the first `count` events is the same. */
static int is_among(const Events *events, int32_t count, int32_t row, int32_t kind, int64_t time_ms) {
    for (int32_t i = 0; i < count; i++)
        if (events->times_ms[i] == time_ms && events->rows[i] == row && events->kinds[i] == kind) return 1;
    return 0;
}

int32_t vitrina_read(const uint8_t *log, int64_t length, const Keys *keys, const Kinds *kinds, Events *events) {
    Text text = {log, log + length};
    int32_t before = events->count;
    while (text.at < text.end) {
        if (!skip(&text, "[\"")) return -1;
        const uint8_t *id = text.at;
        int64_t id_length = inside(&text);
        if (id_length < 0 || !skip(&text, ",\"")) return -1;
        const uint8_t *name = text.at;
        int64_t name_length = inside(&text);
        if (name_length < 0 || !skip(&text, ",")) return -1;
        int64_t time_ms = 0;
        int digits = 0;
        for (; text.at < text.end && *text.at >= '0' && *text.at <= '9' && digits < 18; text.at++, digits++)
            time_ms = time_ms * 10 + (*text.at - '0');
        int32_t kind = kind_of(kinds, name, name_length);
        if (!digits || kind < 0 || !skip(&text, "],\n")) return -1;
        int32_t row = vitrina_find(keys, id, id_length);
        if (row < 0 || is_among(events, before, row, kind, time_ms)) continue;
        if (events->count == events->room) return -1;
        events->rows[events->count] = row;
        events->kinds[events->count] = kind;
        events->times_ms[events->count++] = time_ms;
    }
    return 0;
}

static void move(Events *events, int32_t from, int32_t to) {
    events->rows[to] = events->rows[from];
    events->kinds[to] = events->kinds[from];
    events->times_ms[to] = events->times_ms[from];
}

/* Sort by time; of one moment what came in later is last. Events nearly always come in their order already. */
static void sort(Events *events) {
    for (int32_t i = 1; i < events->count; i++) {
        int32_t row = events->rows[i], kind = events->kinds[i], at = i;
        int64_t time_ms = events->times_ms[i];
        for (; at && events->times_ms[at - 1] > time_ms; at--) move(events, at - 1, at);
        events->rows[at] = row;
        events->kinds[at] = kind;
        events->times_ms[at] = time_ms;
    }
}

static int32_t place_of(const int32_t *rows, int32_t count, int32_t row) {
    for (int32_t i = 0; i < count; i++)
        if (rows[i] == row) return i;
    return -1;
}

/* Leave only what still stands, from the newest back, at the end of the arrays; where it begins. What the shopper does
 * not want to see and did not come back to is never to be shown. */
static int32_t keep_standing(Events *events, const Kinds *kinds, Interest *interest) {
    int32_t rows[MOST_EVENTS], undone[MOST_EVENTS], count = 0, first = events->count;
    for (int32_t i = events->count - 1; i >= 0; i--) {
        int32_t row = events->rows[i], kind = events->kinds[i], place = place_of(rows, count, row);
        if (kinds->weights[kind] > 0) {
            if (place < 0 || !(undone[place] & 1 << kind)) move(events, i, --first);
            continue;
        }
        if (kind == kinds->unwanted && place_of(events->rows + first, events->count - first, row) < 0)
            interest->never[interest->never_count++] = row;
        if (place < 0) {
            place = count++;
            rows[place] = row;
            undone[place] = 0;
        }
        undone[place] |= kinds->undoes[kind];
    }
    return first;
}

/* Each product with the strongest of its events, strongest first; of equals what was done later. */
static void find_seeds(const Events *events, const Kinds *kinds, Interest *interest) {
    int32_t rows[MOST_EVENTS], strongest[MOST_EVENTS], count = 0, step = 0;
    double weights[MOST_EVENTS];
    for (int32_t i = events->count - 1; i >= 0; i--) {
        if (i < events->count - 1 && events->times_ms[i] != events->times_ms[i + 1]) step++;
        double weight = kinds->weights[events->kinds[i]] * kinds->faded[step];
        int32_t place = place_of(rows, count, events->rows[i]);
        if (place < 0) {
            place = count++;
            rows[place] = events->rows[i];
        } else if (weight <= weights[place])
            continue;
        weights[place] = weight;
        strongest[place] = events->kinds[i];
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t at = interest->seed_count;
        while (at && interest->weights[at - 1] < weights[i]) at--;
        if (at == MOST_SEEDS) continue;
        int32_t last = interest->seed_count < MOST_SEEDS ? interest->seed_count++ : MOST_SEEDS - 1;
        for (; last > at; last--) {
            interest->seeds[last] = interest->seeds[last - 1];
            interest->kinds[last] = interest->kinds[last - 1];
            interest->weights[last] = interest->weights[last - 1];
        }
        interest->seeds[at] = rows[i];
        interest->kinds[at] = strongest[i];
        interest->weights[at] = weights[i];
    }
}

void vitrina_interest(Events *events, const Kinds *kinds, int64_t since_ms, Interest *interest) {
    interest->never_count = interest->seed_count = 0;
    sort(events);
    int32_t skipped = events->count > MOST_EVENTS ? events->count - MOST_EVENTS : 0;
    for (int32_t i = skipped; skipped && i < events->count; i++) move(events, i, i - skipped);
    events->count -= skipped;
    int32_t first = keep_standing(events, kinds, interest);
    for (int32_t i = first; first && i < events->count; i++) move(events, i, i - first);
    events->count -= first;
    for (int32_t i = events->count - 1; i >= 0 && events->times_ms[i] > since_ms; i--)
        if (kinds->taken & 1 << events->kinds[i]) interest->never[interest->never_count++] = events->rows[i];
    find_seeds(events, kinds, interest);
}
