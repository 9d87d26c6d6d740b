// Gaussians of a function of two, three or four atoms, summed on uniform grids:
//
//     row[block][k] = sum_tuples w K(x_k - g)
//
// where g and the weight w are functions of the tuple, and the block follows from its species. K is
// interpolated in g, from itself and its first three derivatives at the nodes of a finer grid. That is
// linear: a tuple only adds to a few numbers of the two nodes beside it, and what nodes have gathered
// is spread over the points in the end.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "grid_window.hpp"
#include "sums.hpp"
#include "tuples.hpp"

namespace vicinal {

// The sums over what a class `Tuples` enumerates about each centre. Geometry is in double always,
// the sums over Gaussians in T.
template <class T, class Tuples>
class GridTerm : public Term<T> {
public:
    GridTerm(GridWindow<T> window, Tuples tuples, int64_t n_blocks)
        : window_(std::move(window)), tuples_(std::move(tuples)), n_blocks_(n_blocks) {
        tuples_.check(n_blocks);
    }

    int64_t size() const override { return n_blocks_ * window_.n(); }
    int n_species() const override { return tuples_.n_species(); }

    struct Scratch : Term<T>::Scratch {
        explicit Scratch(const GridTerm& t)
            : neighbors(t.n_species()), nodes(t.window_, t.n_blocks_) {}
        Neighbors<double> neighbors;
        typename Tuples::Work work;
        GridNodes<T> nodes;
    };
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<Scratch>(*this);
    }

    void values(const Sample& sample, typename Term<T>::Scratch& any, T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        std::fill(s.nodes.rows.get(), s.nodes.rows.get() + s.nodes.rows.size(), T(0));
        each<false>(sample, s, [&](const Tuple& t, const Place& at) {
            double h[2 * D];
            window_.shares(at.t, h);
            T* to = s.nodes.gathering(t.block, at);
            for (int d = 0; d < 2 * D; ++d) to[d] += T(t.w * h[d]);
        });
        s.nodes.spread();
        window_.unpad(s.nodes.rows.get(), n_blocks_, row);
    }

    void backward(const Sample& sample, typename Term<T>::Scratch& any, const T* cotangent,
                  double* out) const override {
        auto& s = static_cast<Scratch&>(any);
        window_.pad(cotangent, n_blocks_, s.nodes.rows.get());
        each<true>(sample, s, [&](const Tuple& t, const Place& at) {
            double h[2 * D], dh[2 * D], by_w = 0, by_g = 0;
            window_.shares(at.t, h), window_.slopes(at.t, dh);
            const T* products = s.nodes.products(t.block, at);
            for (int d = 0; d < 2 * D; ++d)
                by_w += h[d] * double(products[d]), by_g += dh[d] * double(products[d]);
            by_g *= t.w * window_.per_cell();
            for (int v = 0; v < Tuples::vectors; ++v) {
                double* to = out + 3 * s.neighbors.selected[t.neighbor[v]];
                scaled(by_g, t.dg[v], to), scaled(by_w, t.dw[v], to);
            }
        });
        s.nodes.forget();
    }

    void tangent(const Sample& sample, typename Term<T>::Scratch& any, const double* tangent,
                 T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        std::fill(s.nodes.rows.get(), s.nodes.rows.get() + s.nodes.rows.size(), T(0));
        each<true>(sample, s, [&](const Tuple& t, const Place& at) {
            double dg = 0, dw = 0, h[2 * D], dh[2 * D];
            for (int v = 0; v < Tuples::vectors; ++v) {
                const double* along = tangent + 3 * s.neighbors.selected[t.neighbor[v]];
                dg += dot3(t.dg[v], along), dw += dot3(t.dw[v], along);
            }
            dg *= t.w * window_.per_cell();
            window_.shares(at.t, h), window_.slopes(at.t, dh);
            T* to = s.nodes.gathering(t.block, at);
            for (int d = 0; d < 2 * D; ++d) to[d] += T(dw * h[d] + dg * dh[d]);
        });
        s.nodes.spread();
        window_.unpad(s.nodes.rows.get(), n_blocks_, row);
    }

    void jacobian(const Sample& sample, typename Term<T>::Scratch& any, T* J,
                  int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        each<true>(sample, s, [&](const Tuple& t, const Place& at) {
            double h[2 * D], dh[2 * D];
            window_.shares(at.t, h), window_.slopes(at.t, dh);
            const int64_t margin = window_.lanes(), first = window_.start(at.point);
            const int64_t last = window_.start(at.point + at.two) + window_.lanes();
            const int64_t from = std::max(first, margin), to = std::min(last, margin + window_.n());
            T* padded = s.nodes.rows.get() + t.block * window_.stride();
            for (int v = 0; v < Tuples::vectors; ++v)
                for (int a = 0; a < 3; ++a) {
                    const double dg = t.w * window_.per_cell() * t.dg[v][a], dw = t.dw[v][a];
                    T* numbers = s.nodes.gathering(t.block, at);
                    for (int d = 0; d < 2 * D; ++d) numbers[d] = T(dw * h[d] + dg * dh[d]);
                    std::fill(padded + first, padded + last, T(0));
                    s.nodes.spread();
                    const int64_t pair = s.neighbors.selected[t.neighbor[v]] - sample.base;
                    T* row = J + (pair * 3 + a) * stride + t.block * window_.n();
                    for (int64_t k = from; k < to; ++k) row[k - margin] += padded[k];
                }
        });
    }

private:
    using Place = typename GridWindow<T>::Place;
    static constexpr int D = GridWindow<T>::D;

    template <bool Slopes, class F>
    void each(const Sample& sample, Scratch& s, const F& f) const {
        sample.each_center([&](int64_t k, int64_t base) {
            s.neighbors.read(sample.pairs, k, base, tuples_.cutoff());
            tuples_.template each<Slopes>(s.neighbors, s.work, [&](const Tuple& t) {
                Place at;
                if (window_.place(t.g, at)) f(t, at);
            });
        });
    }

    GridWindow<T> window_;
    Tuples tuples_;
    int64_t n_blocks_;
};

// What each centre adds by its species alone: row[species][k] = sum table[species][k].
template <class T>
class CenterRows : public Term<T> {
public:
    CenterRows(const double* table, int n_species, int64_t n)
        : table_(table, table + n_species * n), n_species_(n_species), n_(n) {}

    int64_t size() const override { return n_species_ * n_; }
    int n_species() const override { return n_species_; }
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<typename Term<T>::Scratch>();
    }
    void values(const Sample& sample, typename Term<T>::Scratch&, T* row) const override {
        std::fill(row, row + size(), T(0));
        sample.each_center([&](int64_t k, int64_t) {
            const int64_t at = sample.pairs.species[sample.pairs.centers[k]] * n_;
            for (int64_t q = at; q < at + n_; ++q) row[q] += table_[size_t(q)];
        });
    }
    void backward(const Sample&, typename Term<T>::Scratch&, const T*, double*) const override {}
    void tangent(const Sample&, typename Term<T>::Scratch&, const double*, T* row) const override {
        std::fill(row, row + size(), T(0));
    }
    void jacobian(const Sample&, typename Term<T>::Scratch&, T*, int64_t) const override {}

private:
    std::vector<T> table_;
    int n_species_;
    int64_t n_;
};

}  // namespace vicinal
