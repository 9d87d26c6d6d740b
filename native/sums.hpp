// Descriptors made of several kinds of sums over neighbours, side by side, and perhaps a linear map
// of them: the four verbs, written once.
//
// A Term is one kind of sum. It fills its part of the raw row of a sample and says how that part
// changes with the pair vectors. Per sample, all work happens in one thread's scratch.
#pragma once
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "neighbors.hpp"
#include "parallel.hpp"

namespace vicinal {

template <class T>
class Term {
public:
    struct Scratch {
        virtual ~Scratch() = default;
    };
    virtual ~Term() = default;

    virtual int64_t size() const = 0;  // of its part of the raw row
    virtual int n_species() const = 0;
    virtual std::unique_ptr<Scratch> scratch() const = 0;

    // row [size]: written, every element.
    virtual void values(const Sample& sample, Scratch& s, T* row) const = 0;
    // out [selected pairs][3] += pullback of the cotangent [size].
    virtual void backward(const Sample& sample, Scratch& s, const T* cotangent,
                          double* out) const = 0;
    // row [size]: written with the derivative along a tangent [selected pairs][3].
    virtual void tangent(const Sample& sample, Scratch& s, const double* tangent, T* row) const = 0;
    // J += derivatives: element f along direction a of selected pair q is
    // J[((q - sample.base) * 3 + a) * stride + f].
    virtual void jacobian(const Sample& sample, Scratch& s, T* J, int64_t stride) const = 0;

    // For terms that put samples side by side into the lanes of registers: how many, and the same
    // verbs for up to as many. Rows and cotangents are `stride` apart; J has one pointer a sample.
    virtual int batch() const { return 1; }
    virtual void batch_values(const Sample* samples, int n, Scratch& s, T* rows,
                              int64_t stride) const {
        for (int i = 0; i < n; ++i) values(samples[i], s, rows + i * stride);
    }
    virtual void batch_backward(const Sample* samples, int n, Scratch& s, const T* cotangents,
                                int64_t stride, double* out) const {
        for (int i = 0; i < n; ++i) backward(samples[i], s, cotangents + i * stride, out);
    }
    virtual void batch_tangent(const Sample* samples, int n, Scratch& s, const double* pushed,
                               T* rows, int64_t stride) const {
        for (int i = 0; i < n; ++i) tangent(samples[i], s, pushed, rows + i * stride);
    }
    virtual void batch_jacobian(const Sample* samples, int n, Scratch& s, T* const* J,
                                int64_t stride) const {
        for (int i = 0; i < n; ++i) jacobian(samples[i], s, J[i], stride);
    }
};

template <class T>
class SumsPlan {
public:
    // indptr, index, weight: feature k is the sum of weight * raw[index] over indptr[k]..indptr[k+1];
    // empty where features are the raw row.
    SumsPlan(std::vector<std::shared_ptr<Term<T>>> terms, std::vector<int64_t> indptr,
             std::vector<int64_t> index, std::vector<double> weight)
        : terms_(std::move(terms)), indptr_(std::move(indptr)), index_(std::move(index)),
          weight_(weight.begin(), weight.end()) {
        for (const auto& term : terms_) {
            if (!term || term->n_species() != terms_[0]->n_species())
                throw std::invalid_argument("terms of different species");
            offset_.push_back(n_raw_);
            n_raw_ += term->size();
            batch_ = std::max<int64_t>(batch_, term->batch());
        }
        if (index_.size() != weight_.size()) throw std::invalid_argument("index and weight differ");
        for (int64_t i : index_)
            if (i < 0 || i >= n_raw_) throw std::invalid_argument("index outside the raw row");
        for (size_t k = 1; k < indptr_.size(); ++k)
            if (indptr_[k] < indptr_[k - 1]) throw std::invalid_argument("indptr decreases");
        if (!indptr_.empty() && (indptr_[0] != 0 || indptr_.back() != int64_t(index_.size())))
            throw std::invalid_argument("indptr does not fit index");
    }

    int64_t n_features() const { return mapped() ? int64_t(indptr_.size()) - 1 : n_raw_; }
    int n_species() const { return terms_.empty() ? 0 : terms_[0]->n_species(); }

    // `stride`: elements from one row of `out` or `cotangent` to the next.
    void compute(const PairsView& p, T* out, int64_t stride) const {
        each_batch(p, [&](const Sample* samples, int n, Scratch& s) {
            T* rows = out + samples[0].index * stride;
            const auto [raw, raw_stride] = raw_rows(s, rows, stride);
            each_term(samples, n, s, [&](const Term<T>& term, const Sample* some, int m, int64_t first,
                                         int64_t offset, typename Term<T>::Scratch& scratch) {
                term.batch_values(some, m, scratch, raw + first * raw_stride + offset, raw_stride);
            });
            if (mapped())
                for (int i = 0; i < n; ++i) push(raw + i * raw_stride, rows + i * stride);
        });
    }

    void vjp(const PairsView& p, const T* cotangent, int64_t stride, double* out) const {
        each_batch(p, [&](const Sample* samples, int n, Scratch& s) {
            const T* rows = cotangent + samples[0].index * stride;
            const auto [raw, raw_stride] = raw_rows(s, rows, stride);
            if (mapped())
                for (int i = 0; i < n; ++i) pull(rows + i * stride, s.raw.get() + i * n_raw_);
            each_term(samples, n, s, [&](const Term<T>& term, const Sample* some, int m, int64_t first,
                                         int64_t offset, typename Term<T>::Scratch& scratch) {
                term.batch_backward(some, m, scratch, raw + first * raw_stride + offset, raw_stride,
                                    out);
            });
        });
    }

    void jvp(const PairsView& p, const double* tangent, T* out, int64_t stride) const {
        each_batch(p, [&](const Sample* samples, int n, Scratch& s) {
            T* rows = out + samples[0].index * stride;
            const auto [raw, raw_stride] = raw_rows(s, rows, stride);
            each_term(samples, n, s, [&](const Term<T>& term, const Sample* some, int m, int64_t first,
                                         int64_t offset, typename Term<T>::Scratch& scratch) {
                term.batch_tangent(some, m, scratch, tangent, raw + first * raw_stride + offset,
                                   raw_stride);
            });
            if (mapped())
                for (int i = 0; i < n; ++i) push(raw + i * raw_stride, rows + i * stride);
        });
    }

    // out[pair_block[pair]] += and out[center_block[center]] -= each pair's [3][n_features].
    void jacobian(const PairsView& p, const int64_t* pair_block, const int64_t* center_block,
                  T* out) const {
        each_batch(p, [&](const Sample* samples, int n, Scratch& s) {
            std::vector<std::vector<T>> J(n);
            for (int i = 0; i < n; ++i) J[i].assign(size_t(samples[i].n_pairs() * 3 * n_raw_), T(0));
            each_term(samples, n, s, [&](const Term<T>& term, const Sample* some, int m, int64_t first,
                                         int64_t offset, typename Term<T>::Scratch& scratch) {
                std::vector<T*> to(m);
                for (int i = 0; i < m; ++i) to[i] = J[first + i].data() + offset;
                term.batch_jacobian(some, m, scratch, to.data(), n_raw_);
            });
            for (int i = 0; i < n; ++i) add_blocks(samples[i], J[i].data(), pair_block, center_block, out);
        });
    }

private:
    struct Scratch {
        explicit Scratch(const SumsPlan& plan)
            : raw(plan.mapped() ? size_t(plan.batch_ * plan.n_raw_) : 0) {
            for (const auto& term : plan.terms_) terms.push_back(term->scratch());
        }
        std::vector<std::unique_ptr<typename Term<T>::Scratch>> terms;
        Buffer<T> raw;
    };

    bool mapped() const { return !indptr_.empty(); }

    // Where terms write, or read: scratch if there is a map, or else the features themselves.
    template <class Row>
    std::pair<Row*, int64_t> raw_rows(Scratch& s, Row* rows, int64_t stride) const {
        return mapped() ? std::pair<Row*, int64_t>(s.raw.get(), n_raw_) : std::pair(rows, stride);
    }

    // f(term, samples, number of them, the first one's place, offset of the term, its scratch)
    template <class F>
    void each_term(const Sample* samples, int n, Scratch& s, const F& f) const {
        for (size_t t = 0; t < terms_.size(); ++t) {
            const int step = terms_[t]->batch();
            for (int i = 0; i < n; i += step)
                f(*terms_[t], samples + i, std::min(step, n - i), i, offset_[t], *s.terms[t]);
        }
    }

    void add_blocks(const Sample& sample, const T* raw, const int64_t* pair_block,
                    const int64_t* center_block, T* out) const {
        const int64_t n = n_features();
        std::vector<T> mapped_row(size_t(n) + 1);
        sample.each_center([&](int64_t k, int64_t first) {
            for (int64_t q = first; q < first + sample.pairs.stop[k] - sample.pairs.start[k]; ++q)
                for (int a = 0; a < 3; ++a, raw += n_raw_) {
                    const T* row = raw;
                    if (mapped()) push(raw, mapped_row.data()), row = mapped_row.data();
                    T* to = out + (pair_block[q] * 3 + a) * n;
                    T* from = out + (center_block[k] * 3 + a) * n;
                    for (int64_t f = 0; f < n; ++f) to[f] += row[f], from[f] -= row[f];
                }
        });
    }

    void push(const T* raw, T* row) const {
        for (size_t k = 0; k + 1 < indptr_.size(); ++k) {
            T sum = 0;
            for (int64_t e = indptr_[k]; e < indptr_[k + 1]; ++e) sum += weight_[e] * raw[index_[e]];
            row[k] = sum;
        }
    }

    void pull(const T* row, T* raw) const {
        std::fill(raw, raw + n_raw_, T(0));
        for (size_t k = 0; k + 1 < indptr_.size(); ++k)
            for (int64_t e = indptr_[k]; e < indptr_[k + 1]; ++e) raw[index_[e]] += weight_[e] * row[k];
    }

    // f(samples, number of them, scratch). The first batch is timed: a thread is worth waking for
    // some hundred microseconds of work.
    template <class F>
    void each_batch(const PairsView& p, const F& f) const {
        using clock = std::chrono::steady_clock;
        if (p.n_samples == 0) return;
        const std::vector<int64_t> at = p.offsets();
        const int64_t n_batches = (p.n_samples + batch_ - 1) / batch_;
        auto run = [&](int64_t b, Scratch& s) {
            std::vector<Sample> samples;
            for (int64_t m = b * batch_; m < std::min((b + 1) * batch_, p.n_samples); ++m)
                samples.push_back({p, m, at[p.samples[m]]});
            f(samples.data(), int(samples.size()), s);
        };
        std::vector<std::optional<Scratch>> scratch(1);
        scratch[0].emplace(*this);
        const auto start = clock::now();
        run(0, *scratch[0]);
        const std::chrono::duration<double, std::micro> once = clock::now() - start;
        const double work = once.count() * double(n_batches - 1);
        const int n_threads = int(std::clamp(work / 300, 1.0, double(std::max(p.n_threads, 1))));
        scratch.resize(n_threads);
        parallel_for(n_batches - 1, n_threads, 1, [&](int thread, int64_t first, int64_t last) {
            if (!scratch[thread]) scratch[thread].emplace(*this);
            for (int64_t b = first + 1; b < last + 1; ++b) run(b, *scratch[thread]);
        });
    }

    std::vector<std::shared_ptr<Term<T>>> terms_;
    std::vector<int64_t> offset_, indptr_, index_;
    std::vector<T> weight_;
    int64_t n_raw_ = 0;
    int64_t batch_ = 1;
};

}  // namespace vicinal
