// Sums over neighbours of functions of the distance alone:
//
//     row[block][k] = sum_j w_j h_k(r_j)
//
// where block and weight follow from the species of centre and neighbour.
#pragma once
#include "radial_table.hpp"
#include "sums.hpp"

namespace vicinal {

template <class T>
class RadialSums : public Term<T> {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    // block, weight: [n_species of the centre][n_species of the neighbour]; block -1 counts nowhere.
    RadialSums(RadialTable<T> table, int n_functions, int n_species, int n_blocks,
               std::vector<int64_t> block, std::vector<double> weight)
        : table_(std::move(table)), n_functions_(n_functions), n_species_(n_species),
          n_blocks_(n_blocks), block_(std::move(block)), weight_(std::move(weight)) {
        const size_t n = size_t(n_species) * n_species;
        if (block_.size() != n || weight_.size() != n)
            throw std::invalid_argument("radial sums: one block and weight for each two species");
        for (int64_t b : block_)
            if (b < -1 || b >= n_blocks) throw std::invalid_argument("radial sums: unknown block");
    }

    int64_t size() const override { return int64_t(n_blocks_) * n_functions_; }
    int n_species() const override { return n_species_; }

    struct Scratch : Term<T>::Scratch {
        explicit Scratch(const RadialSums& t)
            : neighbors(t.n_species_), R(t.table_.row()), dR(t.table_.row()),
              sums(size_t(t.n_blocks_) * t.table_.row()) {}
        Neighbors<T> neighbors;
        Buffer<T> R, dR, sums;
    };
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<Scratch>(*this);
    }

    void values(const Sample& sample, typename Term<T>::Scratch& any, T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        const int width = table_.row();
        std::fill(s.sums.get(), s.sums.get() + s.sums.size(), T(0));
        each(sample, s, [&](int j, int64_t block, T weight) {
            table_.evaluate(s.neighbors.r[j], weight, s.R.get(), nullptr);
            add(s.R.get(), T(1), s.sums.get() + block * width);
        });
        unpad(s, row);
    }

    void backward(const Sample& sample, typename Term<T>::Scratch& any, const T* cotangent,
                  double* out) const override {
        auto& s = static_cast<Scratch&>(any);
        each(sample, s, [&](int j, int64_t block, T weight) {
            table_.evaluate(s.neighbors.r[j], weight, s.R.get(), s.dR.get());
            const double slope = double(dot(s.dR.get(), cotangent + block * n_functions_, n_functions_));
            double* to = out + 3 * s.neighbors.selected[j];
            to[0] += slope * s.neighbors.x[j];
            to[1] += slope * s.neighbors.y[j];
            to[2] += slope * s.neighbors.z[j];
        });
    }

    void tangent(const Sample& sample, typename Term<T>::Scratch& any, const double* tangent,
                 T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        const int width = table_.row();
        std::fill(s.sums.get(), s.sums.get() + s.sums.size(), T(0));
        each(sample, s, [&](int j, int64_t block, T weight) {
            const Neighbors<T>& n = s.neighbors;
            const double* t = tangent + 3 * n.selected[j];
            const T dr = T(t[0]) * n.x[j] + T(t[1]) * n.y[j] + T(t[2]) * n.z[j];
            table_.evaluate(n.r[j], weight, s.R.get(), s.dR.get());
            add(s.dR.get(), dr, s.sums.get() + block * width);
        });
        unpad(s, row);
    }

    void jacobian(const Sample& sample, typename Term<T>::Scratch& any, T* J,
                  int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        each(sample, s, [&](int j, int64_t block, T weight) {
            const Neighbors<T>& n = s.neighbors;
            table_.evaluate(n.r[j], weight, s.R.get(), s.dR.get());
            const T unit[3] = {n.x[j], n.y[j], n.z[j]};
            for (int a = 0; a < 3; ++a) {
                T* to = J + ((n.selected[j] - sample.base) * 3 + a) * stride + block * n_functions_;
                for (int k = 0; k < n_functions_; ++k) to[k] += unit[a] * s.dR[k];
            }
        });
    }

private:
    template <class F>
    void each(const Sample& sample, Scratch& s, const F& f) const {
        sample.each_center([&](int64_t k, int64_t base) {
            s.neighbors.read(sample.pairs, k, base, table_.end());
            const size_t row = size_t(s.neighbors.center) * n_species_;
            for (int j = 0; j < s.neighbors.size; ++j) {
                const size_t at = row + s.neighbors.species[j];
                if (block_[at] >= 0) f(j, block_[at], T(weight_[at]));
            }
        });
    }

    void add(const T* R, T factor, T* sums) const {
        const V f = splat<T>(factor);
        for (int k = 0; k < table_.row(); k += W) store<T>(sums + k, load(sums + k) + f * load(R + k));
    }

    void unpad(const Scratch& s, T* row) const {
        for (int b = 0; b < n_blocks_; ++b)
            std::copy_n(s.sums.get() + size_t(b) * table_.row(), n_functions_,
                        row + size_t(b) * n_functions_);
    }

    RadialTable<T> table_;
    int n_functions_, n_species_, n_blocks_;
    std::vector<int64_t> block_;
    std::vector<double> weight_;
};

}  // namespace vicinal
