#include <nanobind/stl/tuple.h>

#include "bindings.hpp"

namespace vicinal {

// The arrays of a pair list, still to be filled.
struct NewPairs {
    explicit NewPairs(size_t n)
        : j(new_array<int32_t>({n})), S(new_array<int32_t>({n, 3})), D(new_array<double>({n, 3})) {}
    nb::tuple with(const numpy_array<int64_t>& offsets) const {
        return nb::make_tuple(offsets, j, S, D);
    }
    numpy_array<int32_t> j, S;
    numpy_array<double> D;
};

// (pair_offsets, j, S, D) of the wanted structures, which have no periodicity; sorted by centre.
static nb::tuple molecular_pairs(array_in<double> x, array_in<int64_t> atom_offsets,
                                 array_in<bool> wanted, double cutoff, int n_threads) {
    const int64_t n_atoms = int64_t(x.shape(0));
    MolecularPairs search{x.data(), atom_offsets.data(), wanted.data(),
                          int64_t(wanted.shape(0)), cutoff};
    auto offsets = new_array<int64_t>({size_t(n_atoms + 1)});
    int64_t* at = offsets.data();
    at[0] = 0;
    {
        nb::gil_scoped_release free;
        std::fill(at, at + n_atoms + 1, 0);
        search.count(at + 1, n_threads);
        for (int64_t i = 0; i < n_atoms; ++i) at[i + 1] += at[i];
    }
    NewPairs pairs{size_t(at[n_atoms])};
    {
        nb::gil_scoped_release free;
        std::fill(pairs.S.data(), pairs.S.data() + pairs.S.size(), 0);
        search.fill(at, pairs.j.data(), pairs.D.data(), n_threads);
    }
    return pairs.with(offsets);
}

// Pair lists of single structures (first atom, i, j, S, D) and at most one sorted list of many
// molecules (pair_offsets, j, S, D), as one list sorted by centre.
static nb::tuple merge_pairs(nb::list found, int64_t n_atoms) {
    struct Unsorted {
        int64_t first;
        array_in<size_t> i, j;
        array_in<int32_t> S;
        array_in<double> D;
    };
    struct Sorted {
        array_in<int64_t> offsets;
        array_in<int32_t> j, S;
        array_in<double> D;
    };
    std::vector<Unsorted> lists;
    std::vector<Sorted> sorted;
    for (nb::handle item : found) {
        auto t = nb::cast<nb::tuple>(item);
        if (t.size() == 4)
            sorted.push_back({nb::cast<array_in<int64_t>>(t[0]), nb::cast<array_in<int32_t>>(t[1]),
                              nb::cast<array_in<int32_t>>(t[2]), nb::cast<array_in<double>>(t[3])});
        else
            lists.push_back({nb::cast<int64_t>(t[0]), nb::cast<array_in<size_t>>(t[1]),
                             nb::cast<array_in<size_t>>(t[2]), nb::cast<array_in<int32_t>>(t[3]),
                             nb::cast<array_in<double>>(t[4])});
    }
    auto offsets = new_array<int64_t>({size_t(n_atoms + 1)});
    int64_t* at = offsets.data();
    std::fill(at, at + n_atoms + 1, 0);
    for (const auto& l : lists)
        for (size_t q = 0; q < l.i.shape(0); ++q) {
            const int64_t i = l.first + int64_t(l.i.data()[q]);
            require(i < n_atoms, "pair outside the atoms");
            ++at[i + 1];
        }
    for (const auto& l : sorted) {
        require(int64_t(l.offsets.shape(0)) == n_atoms + 1, "pair offsets do not fit the atoms");
        for (int64_t i = 0; i < n_atoms; ++i) at[i + 1] += l.offsets.data()[i + 1] - l.offsets.data()[i];
    }
    for (int64_t i = 0; i < n_atoms; ++i) at[i + 1] += at[i];
    NewPairs pairs{size_t(at[n_atoms])};
    {
        nb::gil_scoped_release free;
        std::vector<int64_t> next(at, at + n_atoms);
        auto put = [&](int64_t i, int64_t neighbor, const int32_t* s, const double* d) {
            const int64_t q = next[i]++;
            pairs.j.data()[q] = int32_t(neighbor);
            for (int c = 0; c < 3; ++c) {
                pairs.S.data()[3 * q + c] = s[c];
                pairs.D.data()[3 * q + c] = d[c];
            }
        };
        for (const auto& l : lists)
            for (size_t q = 0; q < l.i.shape(0); ++q)
                put(l.first + int64_t(l.i.data()[q]), l.first + int64_t(l.j.data()[q]),
                    l.S.data() + 3 * q, l.D.data() + 3 * q);
        for (const auto& l : sorted)
            for (int64_t i = 0; i < n_atoms; ++i)
                for (int64_t q = l.offsets.data()[i]; q < l.offsets.data()[i + 1]; ++q)
                    put(i, l.j.data()[q], l.S.data() + 3 * q, l.D.data() + 3 * q);
    }
    return pairs.with(offsets);
}

// What is wrong with the first atom or cell that cannot be described, and which; or ("", -1).
static nb::tuple first_bad(array_in<double, nb::shape<-1, 3>> positions, array_in<int32_t> numbers,
                           array_in<double, nb::shape<-1, 3, 3>> cells, int n_elements) {
    for (size_t i = 0; i < numbers.size(); ++i)
        if (numbers.data()[i] < 0 || numbers.data()[i] >= n_elements)
            return nb::make_tuple("number", i);
    for (size_t i = 0; i < positions.size(); ++i)
        if (!std::isfinite(positions.data()[i])) return nb::make_tuple("position", i / 3);
    for (size_t i = 0; i < cells.size(); ++i)
        if (!std::isfinite(cells.data()[i])) return nb::make_tuple("cell", i / 9);
    return nb::make_tuple("", -1);
}

// The first pair nearer than the tolerance, or -1.
static int64_t first_coincident(array_in<double, nb::shape<-1, 3>> D, double tolerance) {
    const double* d = D.data();
    for (int64_t q = 0; q < int64_t(D.shape(0)); ++q, d += 3)
        if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] < tolerance * tolerance) return q;
    return -1;
}

template <class T>
static void bind_pool(nb::module_& m) {
    m.def("pool_rows", [](array_in<T, nb::shape<-1, -1>> values, array_in<int64_t> row,
                          array_in<double> weight, array_out<T, nb::shape<-1, -1>> out,
                          int n_threads) {
        const int64_t n = int64_t(values.shape(0));
        require(int64_t(row.size()) == n && values.shape(1) == out.shape(1) &&
                    weight.size() == out.shape(0),
                "rows to be pooled do not fit");
        for (int64_t k = 0; k < n; ++k)
            require(0 <= row.data()[k] && row.data()[k] < int64_t(out.shape(0)), "row out of range");
        nb::gil_scoped_release free;
        pool_rows(values.data(), n, int64_t(values.shape(1)), row.data(), weight.data(), out.data(),
                  n_threads);
    });
}

void bind_pairs(nb::module_& m) {
    bind_pool<double>(m);
    bind_pool<float>(m);
    m.def("molecular_pairs", &molecular_pairs);
    m.def("merge_pairs", &merge_pairs);
    m.def("first_bad", &first_bad);
    m.def("first_coincident", &first_coincident);
    m.def("selected_neighbors", [](nb::object pairs) {
        PairsArrays p(pairs);
        const auto at = p.view.offsets();
        auto out = new_array<int64_t>({size_t(at.back())});
        int64_t* to = out.data();
        for (int64_t k = 0; k < p.view.n_centers; ++k)
            for (int64_t q = p.view.start[k]; q < p.view.stop[k]; ++q) *to++ = p.view.j[q];
        return out;
    });
    m.def("scatter_pairs", [](nb::object pairs, array_in<int32_t> structure,
                              array_in<double, nb::shape<-1, 3>> gradient,
                              array_out<double, nb::shape<-1, 3>> positions,
                              array_out<double, nb::shape<-1, 3, 3>> strain) {
        PairsArrays p(pairs);
        require(int64_t(gradient.shape(0)) == p.view.offsets().back(), "one gradient for each pair");
        require(int64_t(structure.shape(0)) == p.view.n_centers, "one structure for each centre");
        nb::gil_scoped_release free;
        scatter_pairs(p.view, structure.data(), gradient.data(), positions.data(), strain.data());
    });
    m.def("pair_tangents", [](nb::object pairs, array_in<int32_t> structure,
                              array_in<double, nb::shape<-1, 3>> positions,
                              array_in<double, nb::shape<-1, 3, 3>> strain) {
        PairsArrays p(pairs);
        require(int64_t(structure.shape(0)) == p.view.n_centers, "one structure for each centre");
        auto out = new_array<double>({size_t(p.view.offsets().back()), 3});
        nb::gil_scoped_release free;
        pair_tangents(p.view, structure.data(), positions.data(), strain.data(), out.data());
        return out;
    });
}

}  // namespace vicinal
