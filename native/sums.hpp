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
        each_sample(p, [&](const Sample& sample, Scratch& s) {
            T* row = out + sample.index * stride;
            values(sample, s, mapped() ? s.raw.get() : row);
            if (mapped()) push(s.raw.get(), row);
        });
    }

    void vjp(const PairsView& p, const T* cotangent, int64_t stride, double* out) const {
        each_sample(p, [&](const Sample& sample, Scratch& s) {
            const T* row = cotangent + sample.index * stride;
            if (mapped()) row = pull(row, s.raw.get());
            for (size_t i = 0; i < terms_.size(); ++i)
                terms_[i]->backward(sample, *s.terms[i], row + offset_[i], out);
        });
    }

    void jvp(const PairsView& p, const double* tangent, T* out, int64_t stride) const {
        each_sample(p, [&](const Sample& sample, Scratch& s) {
            T* row = out + sample.index * stride;
            T* raw = mapped() ? s.raw.get() : row;
            for (size_t i = 0; i < terms_.size(); ++i)
                terms_[i]->tangent(sample, *s.terms[i], tangent, raw + offset_[i]);
            if (mapped()) push(raw, row);
        });
    }

    // out[pair_block[pair]] += and out[center_block[center]] -= each pair's [3][n_features].
    void jacobian(const PairsView& p, const int64_t* pair_block, const int64_t* center_block,
                  T* out) const {
        const int64_t n = n_features();
        each_sample(p, [&](const Sample& sample, Scratch& s) {
            std::vector<T> J(size_t(sample.n_pairs() * 3 * n_raw_), T(0)), mapped_row(size_t(n) + 1);
            for (size_t i = 0; i < terms_.size(); ++i)
                terms_[i]->jacobian(sample, *s.terms[i], J.data() + offset_[i], n_raw_);
            const T* raw = J.data();
            sample.each_center([&](int64_t k, int64_t first) {
                for (int64_t q = first; q < first + p.stop[k] - p.start[k]; ++q)
                    for (int a = 0; a < 3; ++a, raw += n_raw_) {
                        const T* row = raw;
                        if (mapped()) push(raw, mapped_row.data()), row = mapped_row.data();
                        T* to = out + (pair_block[q] * 3 + a) * n;
                        T* from = out + (center_block[k] * 3 + a) * n;
                        for (int64_t f = 0; f < n; ++f) to[f] += row[f], from[f] -= row[f];
                    }
            });
        });
    }

private:
    struct Scratch {
        explicit Scratch(const SumsPlan& plan) : raw(plan.mapped() ? size_t(plan.n_raw_) : 0) {
            for (const auto& term : plan.terms_) terms.push_back(term->scratch());
        }
        std::vector<std::unique_ptr<typename Term<T>::Scratch>> terms;
        Buffer<T> raw;
    };

    bool mapped() const { return !indptr_.empty(); }

    void values(const Sample& sample, Scratch& s, T* raw) const {
        for (size_t i = 0; i < terms_.size(); ++i)
            terms_[i]->values(sample, *s.terms[i], raw + offset_[i]);
    }

    void push(const T* raw, T* row) const {
        for (size_t k = 0; k + 1 < indptr_.size(); ++k) {
            T sum = 0;
            for (int64_t e = indptr_[k]; e < indptr_[k + 1]; ++e) sum += weight_[e] * raw[index_[e]];
            row[k] = sum;
        }
    }

    const T* pull(const T* row, T* raw) const {
        std::fill(raw, raw + n_raw_, T(0));
        for (size_t k = 0; k + 1 < indptr_.size(); ++k)
            for (int64_t e = indptr_[k]; e < indptr_[k + 1]; ++e) raw[index_[e]] += weight_[e] * row[k];
        return raw;
    }

    // The first sample is timed: a thread is worth waking for some hundred microseconds of work.
    template <class F>
    void each_sample(const PairsView& p, const F& f) const {
        using clock = std::chrono::steady_clock;
        if (p.n_samples == 0) return;
        const std::vector<int64_t> at = p.offsets();
        std::vector<std::optional<Scratch>> scratch(1);
        scratch[0].emplace(*this);
        const auto start = clock::now();
        f(Sample{p, 0, at[p.samples[0]]}, *scratch[0]);
        const std::chrono::duration<double, std::micro> once = clock::now() - start;
        const double work = once.count() * double(p.n_samples - 1);
        const int n_threads = int(std::clamp(work / 300, 1.0, double(std::max(p.n_threads, 1))));
        scratch.resize(n_threads);
        parallel_for(p.n_samples - 1, n_threads, 1, [&](int thread, int64_t first, int64_t last) {
            if (!scratch[thread]) scratch[thread].emplace(*this);
            for (int64_t m = first + 1; m < last + 1; ++m)
                f(Sample{p, m, at[p.samples[m]]}, *scratch[thread]);
        });
    }

    std::vector<std::shared_ptr<Term<T>>> terms_;
    std::vector<int64_t> offset_, indptr_, index_;
    std::vector<T> weight_;
    int64_t n_raw_ = 0;
};

}  // namespace vicinal
