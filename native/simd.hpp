// SIMD by the compilers' vector extension: plain operators, any architecture, one width per build.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef VICINAL_SIMD_BYTES
#define VICINAL_SIMD_BYTES 16
#endif

// For kernels whose sizes must be known where they are called.
#define VICINAL_INLINE __attribute__((always_inline))

namespace vicinal {

// Both precisions have as many lanes as doubles fill a register: n_max is rarely above 8, and a
// wider float vector would be half padding.
template <class T>
struct Simd {
    static constexpr int width = VICINAL_SIMD_BYTES / int(sizeof(double)) < 16 / int(sizeof(T))
                                     ? 16 / int(sizeof(T))
                                     : VICINAL_SIMD_BYTES / int(sizeof(double));
    static constexpr int bytes = width * int(sizeof(T));
    typedef T vec __attribute__((vector_size(bytes)));
    // The same at any address, for loads and stores.
    typedef T loose __attribute__((vector_size(bytes), aligned(alignof(T)), may_alias));
};
template <class T>
using vec = typename Simd<T>::vec;

template <class T>
inline vec<T> load(const T* p) {
    return *reinterpret_cast<const typename Simd<T>::loose*>(p);
}
template <class T>
inline void store(T* p, vec<T> v) {
    *reinterpret_cast<typename Simd<T>::loose*>(p) = v;
}
template <class T>
inline vec<T> splat(T x) {
    return x - vec<T>{};  // not a sum: x + 0 is not x for x = -0, so that it would really be done
}
template <class T>
inline T sum(vec<T> v) {
    // Adds the upper half to the lower, and so on.
    constexpr int W = Simd<T>::width;
    auto fold = [&]<int H>(std::integral_constant<int, H>) {
        auto with = [&]<int... k>(std::integer_sequence<int, k...>) {
            v += __builtin_shufflevector(v, v, (k ^ H)...);
        };
        with(std::make_integer_sequence<int, W>{});
    };
    if constexpr (W >= 16) fold(std::integral_constant<int, 8>{});
    if constexpr (W >= 8) fold(std::integral_constant<int, 4>{});
    if constexpr (W >= 4) fold(std::integral_constant<int, 2>{});
    if constexpr (W >= 2) fold(std::integral_constant<int, 1>{});
    return v[0];
}

// Copies past the caches, for output larger than they are: an ordinary store first reads the line
// that it is going to overwrite, which halves the speed of writing. Ends with stream_fence().
template <class T>
inline void stream_copy(T* to, const T* from, int64_t n) {
#if defined(__SSE2__)
    while (n > 0 && reinterpret_cast<uintptr_t>(to) % 64) *to++ = *from++, --n;
    constexpr int64_t line = 64 / sizeof(T);
    for (; n >= line; n -= line, to += line, from += line) {
#if defined(__AVX512F__)
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
#elif defined(__AVX__)
        for (int i = 0; i < 2; ++i)
            _mm256_stream_si256(reinterpret_cast<__m256i*>(to) + i,
                                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from) + i));
#else
        for (int i = 0; i < 4; ++i)
            _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i,
                             _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i));
#endif
    }
#endif
    std::memcpy(static_cast<void*>(to), from, size_t(n) * sizeof(T));
}
inline void stream_fence() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

template <class T>
inline T dot(const T* a, const T* b, int64_t n) {
    constexpr int W = Simd<T>::width;
    vec<T> acc[4] = {};
    int64_t k = 0;
    for (; k + 4 * W <= n; k += 4 * W)
        for (int i = 0; i < 4; ++i) acc[i] += load(a + k + i * W) * load(b + k + i * W);
    T total = sum<T>((acc[0] + acc[1]) + (acc[2] + acc[3]));
    for (; k < n; ++k) total += a[k] * b[k];
    return total;
}

// A square of width x width elements, rows apart by the strides.
template <class T>
inline void transpose(const T* in, int in_stride, T* out, int out_stride) {
    constexpr int W = Simd<T>::width;
    vec<T> row[W];
    for (int i = 0; i < W; ++i) row[i] = load(in + i * in_stride);
    // Exchanges the off-diagonal quarters, then those of each quarter, and so on.
    auto exchange = [&]<int H>(std::integral_constant<int, H>) {
        auto both = [&]<int... k>(std::integer_sequence<int, k...>) {
            for (int i = 0; i < W; ++i) {
                if (i & H) continue;
                const vec<T> a = row[i], b = row[i + H];
                row[i] = __builtin_shufflevector(a, b, (k & H ? W + k - H : k)...);
                row[i + H] = __builtin_shufflevector(a, b, (k & H ? W + k : k + H)...);
            }
        };
        both(std::make_integer_sequence<int, W>{});
    };
    if constexpr (W >= 16) exchange(std::integral_constant<int, 8>{});
    if constexpr (W >= 8) exchange(std::integral_constant<int, 4>{});
    if constexpr (W >= 4) exchange(std::integral_constant<int, 2>{});
    if constexpr (W >= 2) exchange(std::integral_constant<int, 1>{});
    for (int i = 0; i < W; ++i) store(out + i * out_stride, row[i]);
}

template <class T>
constexpr int padded(int n) {
    return (n + Simd<T>::width - 1) / Simd<T>::width * Simd<T>::width;
}

// Calls f with a compile-time tile size 1..Max until n rows are done: f(tile, first row).
template <int Max = 8, class F>
VICINAL_INLINE inline void tiles(int n, const F& f) {
    int first = 0;
    for (; n - first >= Max; first += Max) f(std::integral_constant<int, Max>{}, first);
    auto rest = [&]<int... k>(std::integer_sequence<int, k...>) VICINAL_INLINE {
        (void)((n - first == k + 1 && (f(std::integral_constant<int, k + 1>{}, first), true)) || ...);
    };
    rest(std::make_integer_sequence<int, Max - 1>{});
}

// Zeroed memory at cache-line alignment, with a vector of slack behind it.
template <class T>
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(size_t n) : size_(n) {
        const size_t bytes = (n * sizeof(T) + 2 * VICINAL_SIMD_BYTES + 63) / 64 * 64;
        data_.reset(static_cast<T*>(::operator new(bytes, std::align_val_t(64))));
        std::memset(static_cast<void*>(data_.get()), 0, bytes);
    }
    T* get() const { return data_.get(); }
    T& operator[](size_t i) const { return data_.get()[i]; }
    size_t size() const { return size_; }

private:
    struct Free {
        void operator()(T* p) const { ::operator delete(p, std::align_val_t(64)); }
    };
    std::unique_ptr<T, Free> data_;
    size_t size_ = 0;
};

}  // namespace vicinal
