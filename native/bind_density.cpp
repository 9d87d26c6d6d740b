#include <chrono>
#include <limits>

#include "bindings.hpp"
#include "density.hpp"
#include "power_spectrum.hpp"

namespace vicinal {

template <class T>
using PowerSpectrumPlan = DensityPlan<T, PowerSpectrum<T>>;

// nodes [n_nodes][3][l_max + 1][n_max]; mixing [channels][species], or empty; see DensityPlan.
template <class T>
static PowerSpectrumPlan<T> make_plan(array_in<double> edges, array_in<int64_t> cells,
                                array_in<double> nodes, array_in<double> center, int n_species,
                                array_in<double> mixing, array_in<int64_t> channel_pairs,
                                array_in<double> prefactor, double pair_factor,
                                double triangle_factor, array_in<int64_t> gather,
                                array_in<double> scale, bool normalize) {
    require(nodes.ndim() == 4, "nodes: [n_nodes][3][l][n]");
    const int l_max = int(nodes.shape(2)) - 1, n_max = int(nodes.shape(3));
    const int n_channels = mixing.size() ? int(mixing.shape(0)) : n_species;
    require(int(center.size()) == n_max, "center: one value for each radial function");
    require(int(prefactor.size()) == l_max + 1, "prefactor: one value for each l");
    require(int64_t(mixing.size()) == (mixing.size() ? int64_t(n_channels) * n_species : 0),
            "mixing: one column for each species");
    require(gather.size() == scale.size(), "gather and scale differ in length");
    const auto pairs = to_pairs(channel_pairs, n_channels);
    PowerSpectrum<T> correlation(l_max, n_max, pairs, prefactor.data(), pair_factor, triangle_factor);
    for (size_t k = 0; k < gather.size(); ++k)
        require(0 <= gather.data()[k] && gather.data()[k] < correlation.n_features(),
                "gather out of range");
    Expansion<T> expansion(make_table<T>(edges, cells, nodes), l_max, n_max, n_species, center.data());
    return PowerSpectrumPlan<T>(std::move(expansion),
                          std::move(correlation), n_channels, to_vector(mixing), to_vector(gather),
                          to_vector(scale), normalize);
}

template <class T>
static void check_rows(const PowerSpectrumPlan<T>& plan, const PairsArrays& p, size_t rows, size_t columns) {
    require(int64_t(rows) == p.view.n_samples && int64_t(columns) == plan.n_features(),
            "rows do not fit the samples");
}

// (data, indices, indptr); indices and indptr are int32 where their number allows it.
template <class T>
static nb::tuple sparse(const PowerSpectrumPlan<T>& plan, nb::object pairs, const double* tangent) {
    PairsArrays p(pairs);
    require(plan.native_order(), "sparse rows need the native order");
    std::vector<int64_t> indptr(p.view.n_samples + 1, 0);
    {
        nb::gil_scoped_release free;
        plan.sparse_sizes(p.view, indptr.data() + 1);
        for (int64_t m = 0; m < p.view.n_samples; ++m) indptr[m + 1] += indptr[m];
    }
    auto data = new_array<T>({size_t(indptr.back())});
    auto fill = [&](auto kind) {
        using Index = decltype(kind);
        auto indices = new_array<Index>({size_t(indptr.back())});
        auto starts = new_array<Index>({indptr.size()});
        nb::gil_scoped_release free;
        std::copy(indptr.begin(), indptr.end(), starts.data());
        plan.sparse_rows(p.view, tangent, indptr.data(), indices.data(), data.data());
        nb::gil_scoped_acquire back;
        return nb::make_tuple(data, indices, starts);
    };
    const bool narrow = std::max(indptr.back(), plan.n_features()) < std::numeric_limits<int32_t>::max();
    return narrow ? fill(int32_t{}) : fill(int64_t{});
}

template <class T>
static void bind_plan(nb::module_& m, const char* name) {
    using Plan = PowerSpectrumPlan<T>;
    nb::class_<Plan>(m, name)
        .def("__init__",
             [](Plan* self, array_in<double> edges, array_in<int64_t> cells, array_in<double> nodes,
                array_in<double> center, int n_species, array_in<double> mixing,
                array_in<int64_t> channel_pairs, array_in<double> prefactor, double pair_factor,
                double triangle_factor, array_in<int64_t> gather, array_in<double> scale,
                bool normalize) {
                 new (self) Plan(make_plan<T>(edges, cells, nodes, center, n_species, mixing,
                                              channel_pairs, prefactor, pair_factor,
                                              triangle_factor, gather, scale, normalize));
             },
             nb::kw_only(), nb::arg("edges"), nb::arg("cells"), nb::arg("nodes"), nb::arg("center"),
             nb::arg("n_species"), nb::arg("mixing"), nb::arg("channel_pairs"),
             nb::arg("prefactor"), nb::arg("pair_factor"), nb::arg("triangle_factor"),
             nb::arg("gather"), nb::arg("scale"), nb::arg("normalize"))
        .def_prop_ro("n_features", &Plan::n_features)
        .def("compute",
             [](const Plan& plan, nb::object pairs, array_out<T, nb::shape<-1, -1>> out) {
                 PairsArrays p(pairs);
                 check_rows(plan, p, out.shape(0), out.shape(1));
                 nb::gil_scoped_release free;
                 plan.compute(p.view, out.data());
             })
        .def("vjp",
             [](const Plan& plan, nb::object pairs, array_in<T, nb::shape<-1, -1>> cotangent) {
                 PairsArrays p(pairs);
                 check_rows(plan, p, cotangent.shape(0), cotangent.shape(1));
                 auto out = new_array<double>({size_t(p.view.offsets().back()), 3});
                 nb::gil_scoped_release free;
                 std::fill(out.data(), out.data() + out.size(), 0.0);
                 plan.vjp(p.view, cotangent.data(), nullptr, nullptr, out.data());
                 return out;
             })
        .def("vjp_sparse",
             [](const Plan& plan, nb::object pairs, array_in<T> data, array_in<int64_t> indices,
                array_in<int64_t> indptr) {
                 PairsArrays p(pairs);
                 require(int64_t(indptr.size()) == p.view.n_samples + 1 &&
                             indices.size() == data.size(),
                         "CSR rows do not fit the samples");
                 for (size_t k = 0; k < indices.size(); ++k)
                     require(0 <= indices.data()[k] && indices.data()[k] < plan.n_features(),
                             "CSR index out of range");
                 auto out = new_array<double>({size_t(p.view.offsets().back()), 3});
                 nb::gil_scoped_release free;
                 std::fill(out.data(), out.data() + out.size(), 0.0);
                 plan.vjp(p.view, data.data(), indptr.data(), indices.data(), out.data());
                 return out;
             })
        .def("jvp",
             [](const Plan& plan, nb::object pairs, array_in<double, nb::shape<-1, 3>> tangent,
                array_out<T, nb::shape<-1, -1>> out) {
                 PairsArrays p(pairs);
                 check_rows(plan, p, out.shape(0), out.shape(1));
                 require(int64_t(tangent.shape(0)) == p.view.offsets().back(), "one tangent a pair");
                 nb::gil_scoped_release free;
                 plan.jvp(p.view, tangent.data(), out.data());
             })
        .def("jacobian",
             [](const Plan& plan, nb::object pairs, array_in<int64_t> pair_block,
                array_in<int64_t> center_block, array_out<T, nb::shape<-1, 3, -1>> out) {
                 PairsArrays p(pairs);
                 check_blocks(p, pair_block, center_block, int64_t(out.shape(0)));
                 require(int64_t(out.shape(2)) == plan.n_features(), "blocks do not fit the features");
                 nb::gil_scoped_release free;
                 plan.jacobian(p.view, pair_block.data(), center_block.data(), out.data());
             })
        .def("compute_sparse",
             [](const Plan& plan, nb::object pairs) { return sparse(plan, pairs, nullptr); })
        .def("jvp_sparse",
             [](const Plan& plan, nb::object pairs, array_in<double, nb::shape<-1, 3>> tangent) {
                 require(int64_t(tangent.shape(0)) == PairsArrays(pairs).view.offsets().back(),
                         "one tangent a pair");
                 return sparse(plan, pairs, tangent.data());
             })
        .def("correlation_rate", [](const Plan& plan, double seconds) {
            // Floating-point operations per second of the power spectrum alone, in cache.
            double operations = 0;
            const auto start = std::chrono::steady_clock::now();
            for (;;) {
                operations += 2 * plan.repeat_correlation(16);
                const std::chrono::duration<double> t = std::chrono::steady_clock::now() - start;
                if (t.count() > seconds) return operations / t.count();
            }
        });
}

// Floating-point operations per second that one core reaches with independent multiply-adds.
template <class T>
static double fma_peak(double seconds) {
    constexpr int n = 12;
    vec<T> acc[n];
    for (int i = 0; i < n; ++i) acc[i] = splat<T>(T(i));
    volatile T input = T(0.999);
    const vec<T> a = splat<T>(input), b = splat<T>(T(1) - input);
    double operations = 0;
    const auto start = std::chrono::steady_clock::now();
    std::chrono::duration<double> t{0};
    while (t.count() < seconds) {
        for (int k = 0; k < 20000; ++k)
            for (int i = 0; i < n; ++i) acc[i] = acc[i] * a + b;
        operations += 2.0 * 20000 * n * Simd<T>::width;
        t = std::chrono::steady_clock::now() - start;
    }
    T total = 0;
    for (int i = 0; i < n; ++i) total += sum<T>(acc[i]);
    return total == T(-1) ? 0 : operations / t.count();
}

void bind_density(nb::module_& m) {
    bind_plan<double>(m, "DensityPlan64");
    bind_plan<float>(m, "DensityPlan32");
    m.def("fma_peak64", &fma_peak<double>);
    m.def("fma_peak32", &fma_peak<float>);
}

}  // namespace vicinal
