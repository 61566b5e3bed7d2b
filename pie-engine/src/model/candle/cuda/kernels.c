// The kernels, in what C and CUDA have in common: the driver's compiler makes them for a GPU when the engine starts, and tests have the C compiler make them for the processor.
//
// A kernel is a function of a block. Code in EACH is that of its THREADS threads; on a processor it is a loop over them. So nothing that a thread knows outlives
// an EACH, but for what is in SHARED memory, and between two EACHs all threads wait for each other.
//
// Each number is one sum in an order of its own, whatever else is computed with it. Multiplications and additions are contracted nowhere but in `fmaf`.

#define THREADS 128
// Threads of a warp, which go together.
#define WARP 32

#ifdef __CUDACC__
#define KERNEL(name, type) extern "C" __global__ void name(const type p)
#define BLOCK_X blockIdx.x
#define BLOCK_Y blockIdx.y
#define BLOCK_Z blockIdx.z
#define INLINE static __device__ __forceinline__
#define SHARED __shared__
#define EACH(thread)                                                                                                   \
    __syncthreads();                                                                                                   \
    for (int thread = threadIdx.x, once = 1; once; once = 0)
#define UNROLL _Pragma("unroll")
INLINE unsigned bits_of(float number) { return __float_as_uint(number); }
INLINE float float_of(unsigned bits) { return __uint_as_float(bits); }
#else
#include <math.h>
#include <string.h>
#define KERNEL(name, type)                                                                                             \
    static void name##_block(unsigned BLOCK_X, unsigned BLOCK_Y, unsigned BLOCK_Z, const type p);                      \
    void name(unsigned x, unsigned y, unsigned z, const void *parameters) {                                            \
        type p;                                                                                                        \
        memcpy(&p, parameters, sizeof p);                                                                              \
        name##_block(x, y, z, p);                                                                                      \
    }                                                                                                                  \
    static void name##_block(unsigned BLOCK_X, unsigned BLOCK_Y, unsigned BLOCK_Z, const type p)
#define INLINE static inline
#define SHARED
#define EACH(thread) for (int thread = 0; thread < THREADS; thread++)
#define UNROLL
INLINE unsigned bits_of(float number) {
    unsigned bits;
    memcpy(&bits, &number, 4);
    return bits;
}
INLINE float float_of(unsigned bits) {
    float number;
    memcpy(&number, &bits, 4);
    return number;
}
#endif

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INFINITE float_of(0x7f800000u)

// ---- numbers of 16 bits

// IEEE 754 binary16. There is no infinity among those that are kept.
INLINE float from_half(u16 half) {
    float magnitude = float_of((u32)(half & 0x7fff) << 13) * float_of(0x77800000u);
    return float_of(bits_of(magnitude) | (u32)(half & 0x8000) << 16);
}

// The nearest one, to even; what is too great becomes the greatest.
INLINE u16 to_half(float number) {
    u32 sign = bits_of(number) >> 16 & 0x8000;
    float magnitude = fabsf(number);
    if (magnitude != magnitude) return (u16)(sign | 0x7e00);
    magnitude = fminf(magnitude, 65504.0f);
    u32 bits = bits_of(magnitude);
    // Below 2^-14 they are multiples of 2^-24.
    u32 half = magnitude < 6.103515625e-5f ? (u32)rintf(magnitude * 16777216.0f)
                                           : ((bits + 0xfff + (bits >> 13 & 1)) >> 13) - 0x1c000;
    return (u16)(sign | half);
}

// ---- matrices

// How the numbers of a matrix are kept.
enum { FORM_F32, FORM_F16, FORM_BF16, FORM_NIBBLES, FORM_BYTES };

// Numbers that a thread takes at once: neighbours in a row.
#define CHUNK 8
// Numbers in a block of a quantized matrix.
#define QUANTS 32

typedef struct {
    // Row after row. Quants of 4 bits: in each block of 32 numbers, the first 16 below and the others above in 16 bytes.
    u64 numbers;
    // For each superblock, its scale and its minimum, in 16 bits each.
    u64 scales;
    // For each part of a block, what the scale is multiplied with, and the minimum; nothing where superblocks are blocks.
    u64 factors;
    u32 form;
    u32 inputs;
    u32 outputs;
    // Blocks in a superblock: 1 or 8.
    u32 blocks;
    // Parts of a block: 1 or 2.
    u32 parts;
    // The quant that stands for 0, where there are no minima; otherwise -1.
    float zero;
} Matrix;

// Eight numbers of a row, from number 8 * `chunk` on; zeros behind its end.
INLINE void read_chunk(const Matrix *m, u32 row, u32 chunk, float *to) {
    u32 first = chunk * CHUNK;
    if (m->form >= FORM_NIBBLES) {
        u32 blocks_of_row = m->inputs / QUANTS, block = first / QUANTS, in_block = first % QUANTS;
        u64 of_all = (u64)row * blocks_of_row + block;
        u64 super = of_all / m->blocks;
        const u16 *scales = (const u16 *)m->scales + 2 * super;
        float scale = from_half(scales[0]), minimum = from_half(scales[1]);
        if (m->blocks > 1) {
            const i8 *factors = (const i8 *)m->factors + 2 * (of_all * m->parts + in_block * m->parts / QUANTS);
            scale = scale * (float)factors[0];
            minimum = -minimum * (float)factors[1];
        }
        if (m->zero >= 0.0f) minimum = scale * -m->zero;
        if (m->form == FORM_NIBBLES) {
            const u32 *words = (const u32 *)((const u8 *)m->numbers + of_all * (QUANTS / 2) + in_block % 16);
            u32 shift = in_block < 16 ? 0 : 4;
            UNROLL
            for (int i = 0; i < CHUNK; i++)
                to[i] = fmaf((float)(words[i / 4] >> (8 * (i % 4) + shift) & 0xf), scale, minimum);
        } else {
            const u32 *words = (const u32 *)((const u8 *)m->numbers + of_all * QUANTS + in_block);
            UNROLL
            for (int i = 0; i < CHUNK; i++)
                to[i] = fmaf((float)(words[i / 4] >> (8 * (i % 4)) & 0xff), scale, minimum);
        }
        return;
    }
    u64 at = (u64)row * m->inputs + first;
    UNROLL
    for (int i = 0; i < CHUNK; i++) {
        float number = 0.0f;
        if (first + i < m->inputs) {
            if (m->form == FORM_F32) {
                number = ((const float *)m->numbers)[at + i];
            } else {
                u16 kept = ((const u16 *)m->numbers)[at + i];
                number = m->form == FORM_F16 ? from_half(kept) : float_of((u32)kept << 16);
            }
        }
        to[i] = number;
    }
}

// Rows of the matrix that a warp computes with, and rows that they are multiplied with.
#define ROWS 2
#define TOKENS 8
#define WARPS (THREADS / WARP)

typedef struct {
    Matrix matrix;
    u64 input;
    u64 output;
    u32 tokens;
    u32 unused;
} Product;

// output[token][row] = the product of a row of the matrix and one of the input. A thread adds up every 32nd chunk; then the 32 sums are added in pairs.
KERNEL(product, Product) {
    SHARED float sums[ROWS * TOKENS][THREADS];
    const float *input = (const float *)p.input;
    float *output = (float *)p.output;
    u32 first_token = BLOCK_Y * TOKENS;
    u32 tokens = p.tokens - first_token < TOKENS ? p.tokens - first_token : TOKENS;
    u32 inputs = p.matrix.inputs, chunks = (inputs + CHUNK - 1) / CHUNK;
    EACH(thread) {
        u32 lane = thread % WARP, first_row = (BLOCK_X * WARPS + thread / WARP) * ROWS;
        float sum[ROWS][TOKENS];
        UNROLL
        for (int row = 0; row < ROWS; row++)
            UNROLL
            for (int token = 0; token < TOKENS; token++) sum[row][token] = 0.0f;
        for (u32 chunk = lane; chunk < chunks; chunk += WARP) {
            float weights[ROWS][CHUNK];
            UNROLL
            for (int row = 0; row < ROWS; row++) {
                if (first_row + row < p.matrix.outputs) {
                    read_chunk(&p.matrix, first_row + row, chunk, weights[row]);
                } else {
                    UNROLL
                    for (int i = 0; i < CHUNK; i++) weights[row][i] = 0.0f;
                }
            }
            UNROLL
            for (int token = 0; token < TOKENS; token++) {
                if ((u32)token < tokens) {
                    const float *numbers = input + (u64)(first_token + token) * inputs + chunk * CHUNK;
                    UNROLL
                    for (int i = 0; i < CHUNK; i++) {
                        float number = chunk * CHUNK + i < inputs ? numbers[i] : 0.0f;
                        UNROLL
                        for (int row = 0; row < ROWS; row++)
                            sum[row][token] = fmaf(weights[row][i], number, sum[row][token]);
                    }
                }
            }
        }
        UNROLL
        for (int row = 0; row < ROWS; row++)
            UNROLL
            for (int token = 0; token < TOKENS; token++) sums[row * TOKENS + token][thread] = sum[row][token];
    }
    for (int step = WARP / 2; step > 0; step /= 2) {
        EACH(thread) {
            if (thread % WARP < step)
                for (int at = 0; at < ROWS * TOKENS; at++) sums[at][thread] += sums[at][thread + step];
        }
    }
    EACH(thread) {
        u32 at = thread % WARP, row = (BLOCK_X * WARPS + thread / WARP) * ROWS + at / TOKENS, token = at % TOKENS;
        if (at < ROWS * TOKENS && row < p.matrix.outputs && token < tokens)
            output[(u64)(first_token + token) * p.matrix.outputs + row] = sums[at][thread / WARP * WARP];
    }
}

typedef struct {
    Matrix matrix;
    u64 tokens;
    u64 output;
    float scale;
    u32 unused;
} Embed;

// output[token] = scale * the row of the matrix that belongs to the token
KERNEL(embed, Embed) {
    u32 row = ((const u32 *)p.tokens)[BLOCK_X];
    float *output = (float *)p.output + (u64)BLOCK_X * p.matrix.inputs;
    EACH(thread) {
        for (u32 chunk = thread; chunk * CHUNK < p.matrix.inputs; chunk += THREADS) {
            float numbers[CHUNK];
            read_chunk(&p.matrix, row, chunk, numbers);
            for (u32 i = 0; i < CHUNK && chunk * CHUNK + i < p.matrix.inputs; i++)
                output[chunk * CHUNK + i] = numbers[i] * p.scale;
        }
    }
}

// ---- rows

typedef struct {
    u64 from;
    u64 to;
    u64 weight;
    u32 size;
    float offset;
    float epsilon;
    u32 unused;
} Norm;

// to[row] = from[row] / root of its mean square * (weight + offset); may be in place
KERNEL(rms_norm, Norm) {
    SHARED float sums[THREADS];
    const float *from = (const float *)p.from + (u64)BLOCK_X * p.size;
    float *to = (float *)p.to + (u64)BLOCK_X * p.size;
    const float *weight = (const float *)p.weight;
    EACH(thread) {
        float sum = 0.0f;
        for (u32 i = thread; i < p.size; i += THREADS) sum = fmaf(from[i], from[i], sum);
        sums[thread] = sum;
    }
    for (int step = THREADS / 2; step > 0; step /= 2) {
        EACH(thread) {
            if (thread < step) sums[thread] += sums[thread + step];
        }
    }
    EACH(thread) {
        float scale = 1.0f / sqrtf(sums[0] / (float)p.size + p.epsilon);
        for (u32 i = thread; i < p.size; i += THREADS) to[i] = from[i] * scale * (weight[i] + p.offset);
    }
}

typedef struct {
    u64 to;
    u64 from;
    u64 count;
    u32 width;
    float scale;
} Add;

// to[i] += scale * from[i % width]
KERNEL(add, Add) {
    EACH(thread) {
        u64 at = (u64)BLOCK_X * THREADS + thread;
        if (at < p.count)
            ((float *)p.to)[at] = fmaf(((const float *)p.from)[p.width ? at % p.width : at], p.scale, ((float *)p.to)[at]);
    }
}

typedef struct {
    u64 from;
    u64 to;
    u64 rows;
    u32 from_width;
    u32 from_column;
    u32 width;
    u32 count;
} Take;

// to[i] = columns `from_column` to `from_column + width` of from[rows[i]], or of from[i]
KERNEL(take, Take) {
    u64 row = p.rows ? ((const u32 *)p.rows)[BLOCK_X] : BLOCK_X;
    const float *from = (const float *)p.from + row * p.from_width + p.from_column;
    float *to = (float *)p.to + (u64)BLOCK_X * p.width;
    EACH(thread) {
        for (u32 i = thread; i < p.width; i += THREADS) to[i] = from[i];
    }
}

typedef struct {
    u64 to;
    u64 from;
    u64 rows;
    u64 shares;
    u32 width;
    u32 unused;
} Spread;

// to[rows[i]] += shares[i] * from[i]; no row is there twice
KERNEL(spread, Spread) {
    float *to = (float *)p.to + (u64)((const u32 *)p.rows)[BLOCK_X] * p.width;
    const float *from = (const float *)p.from + (u64)BLOCK_X * p.width;
    float share = ((const float *)p.shares)[BLOCK_X];
    EACH(thread) {
        for (u32 i = thread; i < p.width; i += THREADS) to[i] = fmaf(from[i], share, to[i]);
    }
}

typedef struct {
    u64 gate;
    u64 up;
    u64 count;
    u32 gelu;
    u32 unused;
} Gate;

INLINE float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

// gate = activation(gate) * up
KERNEL(gate, Gate) {
    EACH(thread) {
        u64 at = (u64)BLOCK_X * THREADS + thread;
        if (at < p.count) {
            float x = ((float *)p.gate)[at];
            // (1 + tanh u) / 2 is the logistic function of 2u.
            float of = p.gelu ? 1.5957691216f * fmaf(0.044715f * x * x, x, x) : x;
            ((float *)p.gate)[at] = x * logistic(of) * ((const float *)p.up)[at];
        }
    }
}

INLINE float soft_cap(float x, float cap) {
    float small = expf(-2.0f * fabsf(x / cap));
    return copysignf(cap * (1.0f - small) / (1.0f + small), x);
}

typedef struct {
    u64 numbers;
    u64 count;
    float scale;
    // 0 for none.
    float cap;
} Cap;

// numbers = soft cap(numbers * scale)
KERNEL(cap, Cap) {
    EACH(thread) {
        u64 at = (u64)BLOCK_X * THREADS + thread;
        if (at < p.count) {
            float x = ((float *)p.numbers)[at] * p.scale;
            ((float *)p.numbers)[at] = p.cap > 0.0f ? soft_cap(x, p.cap) : x;
        }
    }
}

typedef struct {
    u64 rows;
    u64 cosines;
    u64 sines;
    u32 heads;
    u32 size;
    u32 half;
    float scale;
} Turn;

// Turns each head of a row by the angles of its token, and multiplies it with `scale`. Block x is a token, block y a head.
KERNEL(turn, Turn) {
    float *head = (float *)p.rows + ((u64)BLOCK_X * p.heads + BLOCK_Y) * p.size;
    const float *cosines = (const float *)p.cosines + (u64)BLOCK_X * p.half;
    const float *sines = (const float *)p.sines + (u64)BLOCK_X * p.half;
    EACH(thread) {
        for (u32 i = thread; i < p.half; i += THREADS) {
            float a = head[i], b = head[i + p.half];
            head[i] = (a * cosines[i] - b * sines[i]) * p.scale;
            head[i + p.half] = (b * cosines[i] + a * sines[i]) * p.scale;
        }
        for (u32 i = 2 * p.half + thread; i < p.size; i += THREADS) head[i] = head[i] * p.scale;
    }
}

// ---- pages

// Slots in a block of a page.
#define SLOTS 16
// How keys and values are kept.
enum { KEPT_F32, KEPT_F16, KEPT_INT8 };

// A page has, for each layer, each head and each block of slots, the keys of the block number by number, then its values slot by slot; behind all of
// these, if they are whole numbers, the scales of the keys and those of the values, again for each layer, head and block.
typedef struct {
    u32 kept;
    u32 layers;
    u32 heads;
    u32 size;
    // Blocks in a page.
    u32 blocks;
    u32 layer;
} Cache;

INLINE u64 block_number(const Cache *c, u32 head, u32 block) {
    return ((u64)c->layer * c->heads + head) * c->blocks + block;
}

INLINE float *scales_of(const Cache *c, u64 page, u64 number) {
    u64 numbers = (u64)c->layers * c->heads * c->blocks * 2 * c->size * SLOTS;
    return (float *)(page + numbers) + number * 2 * SLOTS;
}

INLINE float kept_number(u32 kept, u64 page, u64 at) {
    if (kept == KEPT_F32) return ((const float *)page)[at];
    if (kept == KEPT_F16) return from_half(((const u16 *)page)[at]);
    return (float)((const i8 *)page)[at];
}

INLINE void keep_number(u32 kept, u64 page, u64 at, float number) {
    if (kept == KEPT_F32) ((float *)page)[at] = number;
    else if (kept == KEPT_F16) ((u16 *)page)[at] = to_half(number);
    else ((i8 *)page)[at] = (i8)(int)rintf(number);
}

typedef struct {
    Cache cache;
    u64 keys;
    u64 values;
    // For each token, the address of its page and its slot in it.
    u64 pages;
    u64 slots;
} Keep;

// Writes the keys and values of a token to its slot. Block x is a token, block y a head.
KERNEL(keep, Keep) {
    SHARED float greatest[2][THREADS];
    Cache c = p.cache;
    u64 page = ((const u64 *)p.pages)[BLOCK_X];
    u32 slot = ((const u32 *)p.slots)[BLOCK_X], lane = slot % SLOTS;
    u64 number = block_number(&c, BLOCK_Y, slot / SLOTS), start = number * 2 * c.size * SLOTS;
    u64 row = ((u64)BLOCK_X * c.heads + BLOCK_Y) * c.size;
    const float *key = (const float *)p.keys + row, *value = (const float *)p.values + row;
    if (c.kept == KEPT_INT8) {
        EACH(thread) {
            float of_key = 0.0f, of_value = 0.0f, key_zeros = 0.0f, value_zeros = 0.0f;
            for (u32 i = thread; i < c.size; i += THREADS) {
                of_key = fmaxf(of_key, fabsf(key[i]));
                of_value = fmaxf(of_value, fabsf(value[i]));
                key_zeros += key[i] * 0.0f;
                value_zeros += value[i] * 0.0f;
            }
            // What is no number has to show, and `fmaxf` passes it over.
            greatest[0][thread] = of_key + key_zeros;
            greatest[1][thread] = of_value + value_zeros;
        }
        for (int step = THREADS / 2; step > 0; step /= 2) {
            EACH(thread) {
                if (thread < step)
                    for (int of = 0; of < 2; of++) {
                        float a = greatest[of][thread], b = greatest[of][thread + step];
                        greatest[of][thread] = fmaxf(a, b) + (a + b) * 0.0f;
                    }
            }
        }
    }
    EACH(thread) {
        float to_key = 1.0f, to_value = 1.0f;
        if (c.kept == KEPT_INT8) {
            float of_key = greatest[0][0] / 127.0f, of_value = greatest[1][0] / 127.0f;
            if (thread == 0) {
                float *scales = scales_of(&c, page, number);
                scales[lane] = of_key;
                scales[SLOTS + lane] = of_value;
            }
            // Nothing but zeros has the scale 0.
            to_key = of_key == 0.0f ? 0.0f : 1.0f / of_key;
            to_value = of_value == 0.0f ? 0.0f : 1.0f / of_value;
        }
        for (u32 i = thread; i < c.size; i += THREADS) {
            keep_number(c.kept, page, start + i * SLOTS + lane, key[i] * to_key);
            keep_number(c.kept, page, start + (u64)c.size * SLOTS + lane * c.size + i, value[i] * to_value);
        }
    }
}

// ---- attention

// Slots that a block goes through: a thread for each.
#define STRETCH THREADS
// Queries of one token that go together.
#define QUERIES 8
// The longest head.
#define LONGEST 256

typedef struct {
    Cache cache;
    u64 queries;
    // For each token: where the pages of its sequence begin, where its bits begin, and how many blocks of slots there are.
    u64 tokens;
    // Addresses of pages.
    u64 pages;
    // Which slots are seen, a word of 16 bits for each block.
    u64 bits;
    // For each token, head and stretch: as many numbers as a head has, the greatest score and the sum of the weights.
    u64 parts;
    u32 heads;
    u32 stretches;
    u32 first_token;
    // 0 for none.
    float cap;
} Attend;

// What a token's queries see in one stretch of slots: the sum of values under the weights e^(score - greatest), that sum's weight, and the greatest score. Block x is a
// token and a key-value head, block y a stretch, block z some of the queries.
KERNEL(attend, Attend) {
    SHARED float weights[QUERIES][STRETCH];
    SHARED float partial[QUERIES][THREADS / QUERIES];
    SHARED float greatest[QUERIES];
    Cache c = p.cache;
    u32 token = p.first_token + BLOCK_X / c.heads, head = BLOCK_X % c.heads, group = p.heads / c.heads;
    const u32 *of_token = (const u32 *)p.tokens + 3 * token;
    const u64 *pages = (const u64 *)p.pages + of_token[0];
    const u16 *bits = (const u16 *)p.bits + of_token[1];
    u32 blocks = of_token[2], first_block = BLOCK_Y * (STRETCH / SLOTS);
    u32 first_query = BLOCK_Z * QUERIES;
    u32 count = group - first_query < QUERIES ? group - first_query : QUERIES;
    u32 query_head = head * group + first_query;
    const float *queries = (const float *)p.queries + ((u64)token * p.heads + query_head) * c.size;
    EACH(thread) {
        u32 block = first_block + thread / SLOTS, lane = thread % SLOTS;
        float score[QUERIES];
        UNROLL
        for (int q = 0; q < QUERIES; q++) score[q] = 0.0f;
        int seen = block < blocks && (bits[block] >> lane & 1);
        if (seen) {
            u64 page = pages[block / c.blocks], number = block_number(&c, head, block % c.blocks);
            u64 start = number * 2 * c.size * SLOTS + lane;
            for (u32 i = 0; i < c.size; i++) {
                float key = kept_number(c.kept, page, start + (u64)i * SLOTS);
                UNROLL
                for (int q = 0; q < QUERIES; q++)
                    if ((u32)q < count) score[q] = fmaf(queries[q * c.size + i], key, score[q]);
            }
            float scale = c.kept == KEPT_INT8 ? scales_of(&c, page, number)[lane] : 1.0f;
            UNROLL
            for (int q = 0; q < QUERIES; q++) {
                score[q] *= scale;
                if (p.cap > 0.0f) score[q] = soft_cap(score[q], p.cap);
            }
        }
        UNROLL
        for (int q = 0; q < QUERIES; q++) weights[q][thread] = seen ? score[q] : -INFINITE;
    }
    EACH(thread) {
        u32 q = thread / (THREADS / QUERIES), part = thread % (THREADS / QUERIES);
        float most = -INFINITE;
        // What is no number is handed on.
        for (u32 i = 0; i < QUERIES; i++) {
            float score = weights[q][part * QUERIES + i];
            most = score > most || score != score ? score : most;
        }
        partial[q][part] = most;
    }
    EACH(thread) {
        if (thread < QUERIES) {
            float most = -INFINITE;
            for (u32 i = 0; i < THREADS / QUERIES; i++) {
                float score = partial[thread][i];
                most = score > most || score != score ? score : most;
            }
            greatest[thread] = most;
        }
    }
    EACH(thread) {
        u32 q = thread / (THREADS / QUERIES), part = thread % (THREADS / QUERIES);
        float sum = 0.0f;
        for (u32 i = 0; i < QUERIES; i++) {
            float score = weights[q][part * QUERIES + i];
            float weight = score == -INFINITE ? 0.0f : expf(score - greatest[q]);
            weights[q][part * QUERIES + i] = weight;
            sum += weight;
        }
        partial[q][part] = sum;
    }
    EACH(thread) {
        for (u32 i = thread; i < c.size; i += THREADS) {
            float sum[QUERIES];
            UNROLL
            for (int q = 0; q < QUERIES; q++) sum[q] = 0.0f;
            for (u32 at = 0; at < STRETCH / SLOTS && first_block + at < blocks; at++) {
                u32 block = first_block + at, seen = bits[block];
                if (!seen) continue;
                u64 page = pages[block / c.blocks], number = block_number(&c, head, block % c.blocks);
                u64 start = number * 2 * c.size * SLOTS + (u64)c.size * SLOTS + i;
                for (u32 lane = 0; lane < SLOTS; lane++) {
                    // What nobody sees may be no number.
                    if (!(seen >> lane & 1)) continue;
                    float value = kept_number(c.kept, page, start + (u64)lane * c.size);
                    if (c.kept == KEPT_INT8) value *= scales_of(&c, page, number)[SLOTS + lane];
                    UNROLL
                    for (int q = 0; q < QUERIES; q++) sum[q] = fmaf(weights[q][at * SLOTS + lane], value, sum[q]);
                }
            }
            for (u32 q = 0; q < count; q++) {
                u64 part = ((u64)(BLOCK_X / c.heads) * p.heads + query_head + q) * p.stretches + BLOCK_Y;
                ((float *)p.parts)[part * (c.size + 2) + i] = sum[q];
            }
        }
        if ((u32)thread < count) {
            float sum = 0.0f;
            for (u32 i = 0; i < THREADS / QUERIES; i++) sum += partial[thread][i];
            u64 part = ((u64)(BLOCK_X / c.heads) * p.heads + query_head + thread) * p.stretches + BLOCK_Y;
            ((float *)p.parts)[part * (c.size + 2) + c.size] = greatest[thread];
            ((float *)p.parts)[part * (c.size + 2) + c.size + 1] = sum;
        }
    }
}

typedef struct {
    u64 parts;
    u64 output;
    u64 tokens;
    u32 heads;
    u32 size;
    u32 stretches;
    u32 first_token;
} Combine;

// Puts the stretches of a query together, in their order. Block x is a token and a query head.
KERNEL(combine, Combine) {
    u32 token = p.first_token + BLOCK_X / p.heads;
    u32 blocks = ((const u32 *)p.tokens)[3 * token + 2];
    u32 stretches = (blocks + STRETCH / SLOTS - 1) / (STRETCH / SLOTS);
    const float *parts = (const float *)p.parts + (u64)BLOCK_X * p.stretches * (p.size + 2);
    float *output = (float *)p.output + ((u64)token * p.heads + BLOCK_X % p.heads) * p.size;
    EACH(thread) {
        float greatest = -INFINITE, weight = 0.0f;
        for (u32 at = 0; at < stretches; at++) {
            float score = parts[(u64)at * (p.size + 2) + p.size];
            greatest = score > greatest || score != score ? score : greatest;
        }
        for (u32 at = 0; at < stretches; at++) {
            const float *part = parts + (u64)at * (p.size + 2);
            if (part[p.size + 1] != 0.0f) weight = fmaf(part[p.size + 1], expf(part[p.size] - greatest), weight);
        }
        for (u32 i = thread; i < p.size; i += THREADS) {
            float sum = 0.0f;
            for (u32 at = 0; at < stretches; at++) {
                const float *part = parts + (u64)at * (p.size + 2);
                // A stretch in which nothing is seen has no greatest score.
                if (part[p.size + 1] != 0.0f) sum = fmaf(part[i], expf(part[p.size] - greatest), sum);
            }
            // Who sees nothing gets nothing.
            output[i] = weight != 0.0f ? sum / weight : 0.0f;
        }
    }
}
