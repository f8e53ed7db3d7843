/* What the compiled part of serving offers. Python reads these declarations, too. Rows are products. */

/* A table of ids, see `keys.py`. */
typedef struct {
    const uint64_t *hashes;  /* (count,) ascending */
    const int32_t *numbers;  /* (count,) */
    const uint64_t *starts;  /* (count + 1,) of each id in texts */
    const uint8_t *texts;
    int64_t count;
} Keys;

uint64_t vitrina_hash(const uint8_t *text, int64_t length);

/* The number of an id, -1 when it is not in the table. */
int32_t vitrina_find(const Keys *keys, const uint8_t *text, int64_t length);

enum {
    MOST_EVENTS = 150,  /* of one shopper, the newest, that are gone by */
    MOST_SEEDS = 24
};

/* The kinds of events, (count,) each, and what they say. Sets of kinds are bits, the first kind's is the lowest. */
typedef struct {
    const char *const *names;
    const double *weights;  /* 0: it only takes back */
    const int32_t *undoes;  /* the kinds that it takes back */
    const double *faded;    /* (MOST_EVENTS,) what an event counts after so many later moments */
    int32_t count, taken, unwanted;  /* taken: the kinds after which a product is not shown; unwanted: one kind */
} Kinds;

/* What one shopper did with known products, (room,) of which the first `count` are in use. */
typedef struct {
    int32_t *rows, *kinds;
    int64_t *times_ms;
    int32_t count, room;
} Events;

/* What that says: what to go by, strongest first, with the kind of the strongest event, and what is not to be shown. */
typedef struct {
    int32_t seeds[MOST_SEEDS], kinds[MOST_SEEDS];
    double weights[MOST_SEEDS];
    int32_t never[2 * MOST_EVENTS];
    int32_t seed_count, never_count;
} Interest;

/* Adds the lines `["id","kind",time],` of a log to events, but what another log told already. Gives 0; -1 where only a
 * full reader of JSON can read them. */
int32_t vitrina_read(const uint8_t *log, int64_t length, const Keys *keys, const Kinds *kinds, Events *events);

/* Leaves the newest MOST_EVENTS that were not taken back, oldest first, and tells the interest in products. What was
 * taken after since_ms is not to be shown. */
void vitrina_interest(Events *events, const Kinds *kinds, int64_t since_ms, Interest *interest);

/* What one source found: a list, or the lists of each seed in a table of pairs. */
typedef struct {
    const int32_t *rows;   /* (count,), or the table (n, 2, count): rows, then the bits of their scores */
    const float *scores;   /* (count,), or NULL for a table */
    int32_t count, most;   /* most: entries of each seed's list that are heard */
    float scale, highest;  /* an entry says its score times the seed's weight times scale, up to highest */
    float weight;          /* of the source */
} Source;

/* Which products may be shown; NULL or NaN where it does not matter. */
typedef struct {
    const uint8_t *in_shop, *in_category;  /* (n,) */
    const float *price;                    /* (n,), NaN: unknown, outside every range */
    float price_min, price_max;
} Allowed;

/* How products are alike. */
typedef struct {
    const float *vectors;             /* (n, dimensions), unit norm or zero */
    const int32_t *brand, *category;  /* (n,), -1: none */
    int32_t dimensions;
} Likeness;

/* How long and how varied a list shall be. */
typedef struct {
    int32_t limit, pool;             /* pool: how many of the best it is picked from */
    float variety, near_duplicate;   /* what likeness costs per unit of cosine, and from which it is too much */
    double per_brand, per_category;  /* largest shares of the list, 1: no cap */
} Wanted;

/* One product of a list, and the source that contributed most to it: by its entry `at` of a list, or by seed `at`. */
typedef struct {
    int32_t row, source, at;
    float score;
} Picked;

/* Decision trees of `tests` tests each, see `trees.py`. */
typedef struct {
    const int32_t *features;  /* (t, tests) */
    const float *thresholds;  /* (t, tests) */
    const int32_t *masks;     /* (t, tests): the leaves that a value above the threshold leaves within reach */
    const float *leaves;      /* (t, tests + 1) */
    int32_t count, tests, feature_count;
} Forest;

/* Picks at most wanted->limit products of what the sources found, in the order to show; how many, -1: no memory. */
int32_t vitrina_pick(const Source *sources, int32_t source_count, const int32_t *seeds, const float *weights,
                     int32_t seed_count, const int32_t *left_out, int32_t left_out_count, const Allowed *allowed,
                     const Likeness *likeness, const Wanted *wanted, Picked *picked);

/* The sums of the trees' leaves for candidates with features (feature_count, count), into scores (count,). */
void vitrina_trees(const Forest *forest, const float *features, int32_t count, float *scores);

/* What the models of a shop say of its n products. Tables are of pairs, (n, 2, width), as in Source. */
typedef struct {
    const int32_t *linear, *again, *words, *bought;  /* again: NULL where there is none */
    int32_t linear_width, again_width, words_width, bought_width;
    const float *trends, *age_days, *price;          /* (n,); trends: (4, n) */
    const int32_t *category, *brand;                 /* (n,) */
    const int32_t *hot;                              /* (hot_count,) best first */
    int32_t hot_count, product_count;
} Models;

/* What the first stage goes by for one shopper. */
typedef struct {
    const Models *models;
    int32_t most_linear, most_words, most_bought;  /* entries of each seed's list that are heard; again as linear */
    const int32_t *seeds;  /* (seed_count,), newest first, each once */
    const float *fade;     /* (3, seed_count) */
    int32_t seed_count, worded;         /* worded: seeds whose words are compared */
    const int32_t *near, *in_category;  /* lists without scores */
    int32_t near_count, category_count;
    const int32_t *left_out;
    int32_t left_out_count;
    int32_t again;                      /* whether seeds may come themselves, and what is chosen again is heard */
    int32_t per_source, pool;           /* entries of each source's list that count; candidates wanted */
    float rank_offset;
} Asked;

/* What is said of a candidate: how alike its words are to the newest seed's and to any's, how much it is bought again
 * and bought together, the linear model by each fading, its strongest link, and the merged ranks. */
enum {
    WORDS_NEWEST,
    WORDS_ANY,
    AGAIN,
    BOUGHT,
    LINEAR,
    STRONGEST = 7,
    MERGED,
    SAID
};

/* The candidates, best first, and what is said of each, (SAID, pool). `sums`: of linear by the second fading over all
 * products, and of its squares. Gives the number of candidates; -1: no memory. */
int32_t vitrina_gather(const Asked *asked, int32_t *rows, float *said, double *sums);

/* Candidates, what was said of them, and the past. */
typedef struct {
    const Models *models;
    const int32_t *rows;    /* (count,) */
    const float *said;      /* (SAID, room) */
    const float *tower;     /* (count,) */
    int32_t count, room;
    float mean, deviation;  /* of the linear model by the second fading, over all products */
    const int32_t *seeds;   /* (seed_count,), newest first */
    const float *fade;      /* (seed_count,) */
    const int32_t *past_rows, *past_moments;  /* (past_count,), oldest first */
    const int64_t *past_times_ms;
    int32_t seed_count, past_count;
    double now_ms;
    float never;  /* moments or days since what never happened */
} Known;

/* The features of all candidates, (features, count), in the order of `features.py`. */
void vitrina_features(const Known *known, float *features);

/* Which product of the past is cited for some of the listed rows. */
typedef struct {
    const int32_t *table;  /* of pairs, (n, 2, width) */
    int32_t width, most;   /* most: entries of each seed's list that are looked at */
    const int32_t *seeds;  /* (seed_count,) */
    const float *fade;     /* (seed_count,) */
    int32_t seed_count;
    const int32_t *rows;   /* (count,), at most 256, each once */
    const float *scores;   /* (count,) descending */
    int32_t count;
    const int32_t *places; /* (place_count,) of the rows that are asked about */
    int32_t place_count;
    float slope;           /* of the scores by what the table says */
    float weight, part;    /* see `evidence.py` */
    int32_t least;         /* places lost */
    int32_t by_trees;
} Citing;

/* The position of the seed cited at each place, -1: none, (place_count,). Gives place_count; -1: no memory. */
int32_t vitrina_cite(const Citing *citing, int32_t *seeds);

/* A linear step: steps (in, out), in a multiple of four, and a bias (out,). */
typedef struct {
    const float *steps, *bias;
} Step;

/* One layer of a transformer. The norms before mix and inner are part of these. */
typedef struct {
    Step mix, mixed, inner, outer;
    const float *nearness;  /* (reach, heads) */
} Layer;

typedef struct {
    const Layer *layers;
    int32_t layer_count, dimensions, heads, inner, reach;
    const float *entry_gain, *entry_bias, *exit_gain, *exit_bias;  /* (dimensions,) */
    const float *kinds;    /* (kind_count, dimensions) */
    const float *borders;  /* (kind_count - 1,) between their weights */
    int32_t kind_count;
} Tower;

/* Events, oldest first, (count,) each and at least one; moments: how many came after. */
typedef struct {
    const int32_t *rows, *moments;
    const float *weights;
    int32_t count;
} Window;

/* A shopper's vector (dimensions,), unit norm; `items` (n, dimensions). Gives 0; -1: no memory. */
int32_t vitrina_tower(const Tower *tower, const Window *window, const float *items, float *vector);
