/* Before a function, after a header of C: it is compiled twice, and the processor at hand takes what it can, eight numbers
 * at once or four. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif
