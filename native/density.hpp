// A density descriptor: expansion, channels, correlation, layout of the output; the four verbs.
//
// Per sample, all in one thread's scratch: expand the neighbours, mix species into channels,
// correlate, and write the row. Results therefore do not depend on the number of threads.
#pragma once
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "expansion.hpp"
#include "parallel.hpp"
#include "sums.hpp"

namespace vicinal {

template <class T, class Correlation>
class DensityTerm;

template <class T, class Correlation>
class DensityPlan {
    friend class DensityTerm<T, Correlation>;


public:
    // Output larger than this does not stay in a cache anyway and is written past it.
    static constexpr int64_t stream_bytes = int64_t(6) << 20;

    // mixing: [n_channels][n_species], or empty where channels are species.
    // gather, scale: output[k] = scale[k] * row[gather[k]]; empty where the order is the native one.
    DensityPlan(Expansion<T> expansion, Correlation correlation, int n_channels,
                std::vector<double> mixing, std::vector<int64_t> gather, std::vector<double> scale,
                bool normalize)
        : expansion_(std::move(expansion)), correlation_(std::move(correlation)),
          n_channels_(n_channels), mixing_(mixing.begin(), mixing.end()),
          gather_(std::move(gather)), scale_(scale.begin(), scale.end()), normalize_(normalize) {}

    int64_t n_features() const {
        return gather_.empty() ? correlation_.n_features() : int64_t(gather_.size());
    }
    bool native_order() const { return gather_.empty(); }

    void compute(const PairsView& p, T* out) const {
        const int64_t n = n_features();
        const bool stream = p.n_samples * n * int64_t(sizeof(T)) > stream_bytes;
        each_sample(p, [&](int64_t m, int64_t base, Scratch& s) {
            coefficients(p, m, base, s, false);
            values(s, stream ? s.row() : out + m * n);
            if (stream) stream_copy(out + m * n, s.row(), n);
        });
    }

    // Reads dense rows, or rows of a CSR matrix if indptr is given.
    void vjp(const PairsView& p, const T* cotangent, const int64_t* indptr, const int64_t* indices,
             double* out) const {
        each_sample(p, [&](int64_t m, int64_t base, Scratch& s) {
            coefficients(p, m, base, s, true);
            const T* row = cotangent + m * n_features();
            if (indptr) {
                T* dense = s.row();
                std::fill(dense, dense + n_features(), T(0));
                for (int64_t k = indptr[m]; k < indptr[m + 1]; ++k) dense[indices[k]] += cotangent[k];
                row = dense;
            }
            const T* g = pull_coefficients(s, pull_row(s, row));
            expansion_.backward(p, m, base, g, s.expansion, out);
        });
    }

    void jvp(const PairsView& p, const double* tangent, T* out) const {
        each_sample(p, [&](int64_t m, int64_t base, Scratch& s) {
            coefficients(p, m, base, s, true);
            push_row(p, m, base, tangent, s, out + m * n_features());
        });
    }

    // out[pair_block[pair]] += and out[center_block[center]] -= each pair's [3][n_features].
    void jacobian(const PairsView& p, const int64_t* pair_block, const int64_t* center_block,
                  T* out) const {
        const int64_t n = n_features();
        const std::vector<int64_t> at = p.offsets();
        each_sample(p, [&](int64_t m, int64_t base, Scratch& s) {
            coefficients(p, m, base, s, true);
            Buffer<T> dc(expansion_.coefficients()), row(size_t(n) + 1);
            const T* unit = normalize_ ? unit_row(s) : nullptr;
            expansion_.jacobian(p, m, base, s.expansion, dc.get(),
                                [&](int64_t pair, int species, int a, const T* d) {
                push_species(s, species, d, row.get());
                if (unit) project(unit, s.norm, row.get(), n);
                int64_t k = p.samples[m];  // the centre that this pair belongs to
                while (pair >= at[k + 1]) ++k;
                T* to = out + (pair_block[pair] * 3 + a) * n;
                T* from = out + (center_block[k] * 3 + a) * n;
                for (int64_t f = 0; f < n; ++f) to[f] += row[f], from[f] -= row[f];
            });
        });
    }

    // -- block-sparse rows: only channel pairs that both have neighbours; native order ------------

    // Number of entries of each row.
    void sparse_sizes(const PairsView& p, int64_t* sizes) const {
        each_sample(p, [&](int64_t m, int64_t, Scratch& s) {
            expansion_.find_present(p, m, s.expansion);
            find_channels(s);
            sizes[m] = 0;
            for (const auto& block : correlation_.blocks())
                if (here(s, block)) sizes[m] += block.size;
        });
    }

    // Values, or derivatives along a tangent if one is given.
    template <class Index>
    void sparse_rows(const PairsView& p, const double* tangent, const int64_t* indptr,
                     Index* indices, T* out) const {
        each_sample(p, [&](int64_t m, int64_t base, Scratch& s) {
            const int64_t n = indptr[m + 1] - indptr[m];
            T* row = out + indptr[m];
            coefficients(p, m, base, s, tangent != nullptr);
            Index* index = indices + indptr[m];
            for (const auto& block : correlation_.blocks())
                for (int64_t k = 0; here(s, block) && k < block.size; ++k)
                    *index++ = Index(block.offset + k);
            T* values = tangent ? s.raw() : row;
            if (!tangent || normalize_)
                compact_row(s, values, n, [&](const auto& block, T* to, int64_t limit) {
                    correlation_.forward(block, s.channels, to, limit, s.work.get());
                });
            if (normalize_) s.norm = normalize(values, n);
            if (!tangent) return;
            const T* dc = push_coefficients(p, m, base, tangent, s);
            compact_row(s, row, n, [&](const auto& block, T* to, int64_t limit) {
                correlation_.tangent(block, s.channels, dc, to, limit, s.work.get());
            });
            if (normalize_) project(values, s.norm, row, n);
        });
    }

    // Multiply-adds and repeats of the power spectrum alone, on made-up coefficients: for rates.
    double repeat_correlation(int repeats) const {
        Scratch s(*this);
        for (size_t k = 0; k < s.mixed.size(); ++k) s.mixed[k] = T(1) / T(k % 97 + 1);
        double multiply_adds = 0;
        for (int i = 0; i < repeats; ++i)
            for (const auto& block : correlation_.blocks()) {
                correlation_.forward(block, s.mixed.get(), s.row() + block.offset,
                                     correlation_.n_features() - block.offset, s.work.get());
                multiply_adds += double(correlation_.multiply_adds(block));
            }
        return multiply_adds;
    }

private:
    struct Scratch {
        explicit Scratch(const DensityPlan& plan)
            : expansion(plan.expansion_),
              mixed(plan.n_channels_ * plan.expansion_.coefficients()),
              g(plan.n_channels_ * plan.expansion_.coefficients()),
              g_species(plan.expansion_.n_species() * plan.expansion_.coefficients()),
              work(plan.correlation_.scratch()),
              row_size(std::max(plan.n_features(), plan.correlation_.n_features())),
              present(plan.n_channels_) {}
        typename Expansion<T>::Scratch expansion;
        Buffer<T> mixed;                 // coefficients of channels, where they are not species
        Buffer<T> g, g_species;          // tangents or cotangents of coefficients
        Buffer<T> work;                  // of the correlation
        int64_t row_size;
        std::vector<uint8_t> present;    // [channel]
        const T* channels = nullptr;     // coefficients of channels
        T norm = 0;                      // length of the row before normalisation

        // Rows of features, made when first needed: with many species they are long.
        T* row() { return made(0); }   // as it comes in or goes out
        T* raw() { return made(1); }   // in the native order
        T* unit() { return made(2); }  // normalised

    private:
        T* made(int which) {
            if (!rows[which].size()) rows[which] = Buffer<T>(size_t(row_size));
            return rows[which].get();
        }
        Buffer<T> rows[3];
    };

    template <class F>
    void each_sample(const PairsView& p, const F& f) const {
        const std::vector<int64_t> at = p.offsets();
        // A thread is worth waking for some hundred microseconds of work, roughly counted.
        const double work = 0.1 * double(at.back()) + 1e-3 * double(p.n_samples * n_features());
        const int n_threads = int(std::clamp(work / 300, 1.0, double(std::max(p.n_threads, 1))));
        std::vector<std::optional<Scratch>> scratch(n_threads);
        parallel_for(p.n_samples, n_threads, 1, [&](int thread, int64_t first, int64_t last) {
            if (!scratch[thread]) scratch[thread].emplace(*this);
            for (int64_t m = first; m < last; ++m) f(m, at[p.samples[m]], *scratch[thread]);
            stream_fence();
        });
    }

    bool here(const Scratch& s, const typename Correlation::Block& block) const {
        return s.present[block.a] && s.present[block.b];
    }

    void find_channels(Scratch& s) const {
        const auto& species = s.expansion.present;
        if (mixing_.empty()) {
            std::copy(species.begin(), species.end(), s.present.begin());
            return;
        }
        for (int q = 0; q < n_channels_; ++q) {
            s.present[q] = 0;
            for (size_t z = 0; z < species.size(); ++z)
                if (species[z] && mixing_[q * species.size() + z] != 0) s.present[q] = 1;
        }
    }

    // channels = mixing * species, over what is present. [lm][n] each.
    void mix(const Scratch& s, const T* species, T* channels) const {
        const size_t size = expansion_.coefficients(), n_species = expansion_.n_species();
        for (int q = 0; q < n_channels_; ++q) {
            T* c = channels + q * size;
            std::fill(c, c + size, T(0));
            for (size_t z = 0; z < n_species; ++z) {
                const T w = mixing_[q * n_species + z];
                if (!s.expansion.present[z] || w == 0) continue;
                for (size_t k = 0; k < size; ++k) c[k] += w * species[z * size + k];
            }
        }
    }

    void coefficients(const PairsView& p, int64_t m, int64_t base, Scratch& s, bool slopes) const {
        expansion_.coefficients(p, m, base, s.expansion, slopes);
        find_channels(s);
        s.channels = s.expansion.c.get();
        if (mixing_.empty()) return;
        mix(s, s.expansion.c.get(), s.mixed.get());
        s.channels = s.mixed.get();
    }

    // -- rows -----------------------------------------------------------------------------------

    // Calls f(block, destination, elements to the end) for blocks that are present; zeros the rest.
    template <class F>
    void fill_row(const Scratch& s, T* row, const F& f) const {
        const int64_t n = correlation_.n_features();
        for (const auto& block : correlation_.blocks())
            if (here(s, block))
                f(block, row + block.offset, n - block.offset);
            else
                std::fill(row + block.offset, row + block.offset + block.size, T(0));
    }

    // The same for a sparse row of n entries, with nothing between the blocks that are present.
    template <class F>
    void compact_row(const Scratch& s, T* row, int64_t n, const F& f) const {
        T* const end = row + n;
        for (const auto& block : correlation_.blocks())
            if (here(s, block)) {
                f(block, row, end - row);
                row += block.size;
            }
    }

    void raw_values(Scratch& s, T* row) const {
        fill_row(s, row, [&](const auto& block, T* to, int64_t limit) {
            correlation_.forward(block, s.channels, to, limit, s.work.get());
        });
    }

    // The row in its final order.
    void ordered(const T* row, T* out) const {
        for (size_t k = 0; k < gather_.size(); ++k) out[k] = scale_[k] * row[gather_[k]];
    }

    void values(Scratch& s, T* out) const {
        if (native_order()) {
            raw_values(s, out);
        } else {
            raw_values(s, s.raw());
            ordered(s.raw(), out);
        }
        if (normalize_) s.norm = normalize(out, n_features());
    }

    // Divides a row by its length, which it returns. A row of zeros stays as it is.
    static T normalize(T* row, int64_t n) {
        const T length = std::sqrt(dot(row, row, n));
        if (length > 0)
            for (int64_t k = 0; k < n; ++k) row[k] /= length;
        return length;
    }

    // The normalised row; sets s.norm.
    const T* unit_row(Scratch& s) const {
        values(s, s.unit());
        return s.unit();
    }

    // The derivative of x / |x| applied to a row: symmetric, so for tangents and cotangents alike.
    static void project(const T* unit, T norm, T* row, int64_t n) {
        if (!(norm > 0)) return;
        const T overlap = dot(unit, row, n);
        for (int64_t k = 0; k < n; ++k) row[k] = (row[k] - overlap * unit[k]) / norm;
    }

    // -- backward -------------------------------------------------------------------------------

    // Cotangent of the final row to that of the raw row.
    const T* pull_row(Scratch& s, const T* row) const {
        if (normalize_) {
            const T* unit = unit_row(s);
            if (row != s.row()) std::copy(row, row + n_features(), s.row());
            project(unit, s.norm, s.row(), n_features());
            row = s.row();
        }
        if (native_order()) return row;
        T* raw = s.raw();
        std::fill(raw, raw + correlation_.n_features(), T(0));
        for (size_t k = 0; k < gather_.size(); ++k) raw[gather_[k]] += scale_[k] * row[k];
        return raw;
    }

    // Cotangent of the raw row to that of the species' coefficients.
    const T* pull_coefficients(Scratch& s, const T* row) const {
        const size_t size = expansion_.coefficients(), n_species = expansion_.n_species();
        for (int q = 0; q < n_channels_; ++q)
            if (s.present[q]) std::fill(s.g.get() + q * size, s.g.get() + (q + 1) * size, T(0));
        for (const auto& block : correlation_.blocks())
            if (here(s, block))
                correlation_.backward(block, s.channels, row + block.offset, s.g.get(), s.work.get());
        if (mixing_.empty()) return s.g.get();
        for (size_t z = 0; z < n_species; ++z) {
            if (!s.expansion.present[z]) continue;
            T* g = s.g_species.get() + z * size;
            std::fill(g, g + size, T(0));
            for (int q = 0; q < n_channels_; ++q) {
                const T w = mixing_[q * n_species + z];
                if (w == 0) continue;
                for (size_t k = 0; k < size; ++k) g[k] += w * s.g[q * size + k];
            }
        }
        return s.g_species.get();
    }

    // -- forward --------------------------------------------------------------------------------

    // Tangent of the channels' coefficients along a tangent of pairs.
    const T* push_coefficients(const PairsView& p, int64_t m, int64_t base, const double* tangent,
                               Scratch& s) const {
        expansion_.tangent(p, m, base, tangent, s.expansion, s.g_species.get());
        if (mixing_.empty()) return s.g_species.get();
        mix(s, s.g_species.get(), s.g.get());
        return s.g.get();
    }

    void push_row(const PairsView& p, int64_t m, int64_t base, const double* tangent, Scratch& s,
                  T* out) const {
        const T* dc = push_coefficients(p, m, base, tangent, s);
        T* row = native_order() ? out : s.raw();
        fill_row(s, row, [&](const auto& block, T* to, int64_t limit) {
            correlation_.tangent(block, s.channels, dc, to, limit, s.work.get());
        });
        if (!native_order()) ordered(row, out);
        if (normalize_) {
            const T* unit = unit_row(s);
            project(unit, s.norm, out, n_features());
        }
    }

    // The final row's derivative where one species alone changes, by d [lm][n].
    void push_species(Scratch& s, int species, const T* d, T* out) const {
        const size_t size = expansion_.coefficients(), n_species = expansion_.n_species();
        auto weight = [&](int q) {
            return mixing_.empty() ? T(q == species) : mixing_[q * n_species + species];
        };
        for (int q = 0; q < n_channels_; ++q) {
            if (!s.present[q]) continue;
            const T w = weight(q);
            for (size_t k = 0; k < size; ++k) s.g[q * size + k] = w * d[k];
        }
        T* row = native_order() ? out : s.raw();
        fill_row(s, row, [&](const auto& block, T* to, int64_t limit) {
            if (weight(block.a) == 0 && weight(block.b) == 0)
                std::fill(to, to + block.size, T(0));
            else
                correlation_.tangent(block, s.channels, s.g.get(), to, limit, s.work.get());
        });
        if (!native_order()) ordered(row, out);
    }

    Expansion<T> expansion_;
    Correlation correlation_;
    int n_channels_;
    std::vector<T> mixing_;
    std::vector<int64_t> gather_;
    std::vector<T> scale_;
    bool normalize_;
};

// The raw rows of a density plan beside other sums over neighbours.
template <class T, class Correlation>
class DensityTerm : public Term<T> {
public:
    using Plan = DensityPlan<T, Correlation>;

    explicit DensityTerm(Plan plan) : plan_(std::move(plan)) {}

    int64_t size() const override { return plan_.correlation_.n_features(); }
    int n_species() const override { return plan_.expansion_.n_species(); }

    struct Scratch : Term<T>::Scratch {
        explicit Scratch(const Plan& plan) : of_plan(plan) {}
        typename Plan::Scratch of_plan;
    };
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<Scratch>(plan_);
    }

    void values(const Sample& sample, typename Term<T>::Scratch& any, T* row) const override {
        auto& s = static_cast<Scratch&>(any).of_plan;
        plan_.coefficients(sample.pairs, sample.index, sample.base, s, false);
        plan_.raw_values(s, row);
    }

    void backward(const Sample& sample, typename Term<T>::Scratch& any, const T* cotangent,
                  double* out) const override {
        auto& s = static_cast<Scratch&>(any).of_plan;
        plan_.coefficients(sample.pairs, sample.index, sample.base, s, true);
        const T* g = plan_.pull_coefficients(s, cotangent);
        plan_.expansion_.backward(sample.pairs, sample.index, sample.base, g, s.expansion, out);
    }

    void tangent(const Sample& sample, typename Term<T>::Scratch& any, const double* tangent,
                 T* row) const override {
        auto& s = static_cast<Scratch&>(any).of_plan;
        plan_.coefficients(sample.pairs, sample.index, sample.base, s, true);
        plan_.push_row(sample.pairs, sample.index, sample.base, tangent, s, row);
    }

    void jacobian(const Sample& sample, typename Term<T>::Scratch& any, T* J,
                  int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any).of_plan;
        plan_.coefficients(sample.pairs, sample.index, sample.base, s, true);
        Buffer<T> dc(plan_.expansion_.coefficients()), row(size_t(size()) + 1);
        plan_.expansion_.jacobian(sample.pairs, sample.index, sample.base, s.expansion, dc.get(),
                                  [&](int64_t pair, int species, int a, const T* d) {
            plan_.push_species(s, species, d, row.get());
            T* to = J + ((pair - sample.base) * 3 + a) * stride;
            for (int64_t f = 0; f < size(); ++f) to[f] += row[f];
        });
    }

private:
    Plan plan_;
};

}  // namespace vicinal
