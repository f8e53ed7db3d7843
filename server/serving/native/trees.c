/* The scores of decision trees. */

#include <stdint.h>
#include <string.h>

#include "interface.h"
#include "wide.h"

enum {
    LANES = 8,    /* candidates whose trees are walked together */
    FEATURES = 64 /* of a candidate, at most */
};

typedef float Floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(LANES * sizeof(int32_t))));

/* QuickScorer (Lucchese et al., SIGIR 2015) tree by tree, for some candidates side by side: every test that goes right
 * takes the leaves to its left out of reach; the leftmost one that is left over is the candidate's. */
WIDE static void walk(const Forest *forest, const Floats *features, double *sums) {
    const int32_t *asked = forest->features, *masks = forest->masks;
    const float *thresholds = forest->thresholds, *leaves = forest->leaves;
    for (int32_t tree = 0; tree < forest->count; tree++) {
        Ints left = {0};
        left = ~left;
        for (int32_t test = 0; test < forest->tests; test++)
            left &= masks[test] | ~(features[asked[test]] > thresholds[test]);
        for (int32_t i = 0; i < LANES; i++) sums[i] += leaves[__builtin_ctz(left[i])];
        asked += forest->tests;
        masks += forest->tests;
        thresholds += forest->tests;
        leaves += forest->tests + 1;
    }
}

void vitrina_trees(const Forest *forest, const float *features, int32_t count, float *scores) {
    for (int32_t start = 0; start < count; start += LANES) {
        Floats some[FEATURES] = {{0}};
        double sums[LANES] = {0};
        int32_t size = count - start < LANES ? count - start : LANES;
        for (int32_t feature = 0; feature < forest->feature_count; feature++)
            memcpy(&some[feature], features + (int64_t)feature * count + start, size * sizeof(float));
        walk(forest, some, sums);
        for (int32_t i = 0; i < size; i++) scores[start + i] = (float)sums[i];
    }
}
