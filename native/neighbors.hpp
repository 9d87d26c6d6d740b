// The neighbours of one centre, sorted by species, as a structure of arrays: what sums over
// neighbours that are not a density start from.
#pragma once
#include <cmath>
#include <vector>

#include "pairs.hpp"
#include "simd.hpp"

namespace vicinal {

// The centres of one sample; its selected pairs begin at `base`.
struct Sample {
    const PairsView& pairs;
    int64_t index, base;

    int64_t first() const { return pairs.samples[index]; }
    int64_t last() const { return pairs.samples[index + 1]; }
    int64_t n_pairs() const {
        int64_t n = 0;
        for (int64_t k = first(); k < last(); ++k) n += pairs.stop[k] - pairs.start[k];
        return n;
    }
    // Calls f(centre, number of its first selected pair).
    template <class F>
    void each_center(const F& f) const {
        int64_t at = base;
        for (int64_t k = first(); k < last(); ++k) {
            f(k, at);
            at += pairs.stop[k] - pairs.start[k];
        }
    }
};

template <class T>
struct Neighbors {
    explicit Neighbors(int n_species) : first(n_species + 1) {}

    int size = 0;
    int center = 0;                 // species of the centre
    std::vector<int> first;         // [n_species + 1], where each species begins
    std::vector<int> species;       // of each neighbour
    std::vector<int64_t> selected;  // number of each among the selected pairs
    std::vector<double> r;          // distances; in double, since tables are read with them
    std::vector<T> x, y, z;         // unit vectors

    // Reads what is nearer than the cutoff; `base` is the number of the centre's first pair.
    void read(const PairsView& p, int64_t k, int64_t base, double cutoff) {
        center = p.species[p.centers[k]];
        std::fill(first.begin(), first.end(), 0);
        found_.clear();
        for (int64_t q = p.start[k]; q < p.stop[k]; ++q) {
            const double* d = p.D + 3 * q;
            const double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            if (!(r2 < cutoff * cutoff)) continue;
            found_.push_back({q, std::sqrt(r2)});
            ++first[p.species[p.j[q]] + 1];
        }
        size = int(found_.size());
        for (size_t s = 1; s < first.size(); ++s) first[s] += first[s - 1];
        next_.assign(first.begin(), first.end() - 1);
        for (auto* column : {&x, &y, &z}) column->resize(size);
        r.resize(size), species.resize(size), selected.resize(size);
        for (const auto& [q, distance] : found_) {
            const int s = p.species[p.j[q]], at = next_[s]++;
            const double* d = p.D + 3 * q;
            r[at] = distance, species[at] = s, selected[at] = base + q - p.start[k];
            x[at] = T(d[0] / distance), y[at] = T(d[1] / distance), z[at] = T(d[2] / distance);
        }
    }

private:
    struct Found {
        int64_t pair;
        double r;
    };
    std::vector<Found> found_;
    std::vector<int> next_;
};

}  // namespace vicinal
