#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include "bindings.hpp"
#include "density.hpp"
#include "diagonal_spectrum.hpp"
#include "radial_sums.hpp"
#include "sums.hpp"
#include "triple_products.hpp"

namespace vicinal {

// Rows of features, or of cotangents: contiguous themselves, any distance apart.
template <class T>
static int64_t row_stride(const nb::ndarray<T, nb::device::cpu, nb::shape<-1, -1>>& rows,
                          const PairsArrays& p, int64_t n_features) {
    require(int64_t(rows.shape(0)) == p.view.n_samples && int64_t(rows.shape(1)) == n_features,
            "rows do not fit the samples");
    require(n_features < 2 || p.view.n_samples == 0 || rows.stride(1) == 1, "rows are not contiguous");
    return rows.stride(0);
}

template <class T>
static void bind_plan(nb::module_& m, const char* name) {
    using Plan = SumsPlan<T>;
    using Rows = nb::ndarray<T, nb::device::cpu, nb::shape<-1, -1>>;
    using ConstRows = nb::ndarray<const T, nb::device::cpu, nb::shape<-1, -1>>;
    nb::class_<Plan>(m, name)
        .def("__init__",
             [](Plan* self, std::vector<std::shared_ptr<Term<T>>> terms, array_in<int64_t> indptr,
                array_in<int64_t> index, array_in<double> weight) {
                 new (self) Plan(std::move(terms), to_vector(indptr), to_vector(index),
                                 to_vector(weight));
             },
             nb::kw_only(), nb::arg("terms"), nb::arg("indptr"), nb::arg("index"), nb::arg("weight"))
        .def_prop_ro("n_features", &Plan::n_features)
        .def("compute",
             [](const Plan& plan, nb::object pairs, Rows out) {
                 PairsArrays p(pairs, plan.n_species());
                 const int64_t stride = row_stride(out, p, plan.n_features());
                 nb::gil_scoped_release free;
                 plan.compute(p.view, out.data(), stride);
             })
        .def("vjp",
             [](const Plan& plan, nb::object pairs, ConstRows cotangent) {
                 PairsArrays p(pairs, plan.n_species());
                 const int64_t stride = row_stride(cotangent, p, plan.n_features());
                 auto out = new_array<double>({size_t(p.view.offsets().back()), 3});
                 nb::gil_scoped_release free;
                 std::fill(out.data(), out.data() + out.size(), 0.0);
                 plan.vjp(p.view, cotangent.data(), stride, out.data());
                 return out;
             })
        .def("jvp",
             [](const Plan& plan, nb::object pairs, array_in<double, nb::shape<-1, 3>> tangent,
                Rows out) {
                 PairsArrays p(pairs, plan.n_species());
                 const int64_t stride = row_stride(out, p, plan.n_features());
                 require(int64_t(tangent.shape(0)) == p.view.offsets().back(), "one tangent a pair");
                 nb::gil_scoped_release free;
                 plan.jvp(p.view, tangent.data(), out.data(), stride);
             })
        .def("jacobian", [](const Plan& plan, nb::object pairs, array_in<int64_t> pair_block,
                            array_in<int64_t> center_block, array_out<T, nb::shape<-1, 3, -1>> out) {
            PairsArrays p(pairs, plan.n_species());
            check_blocks(p, pair_block, center_block, int64_t(out.shape(0)));
            require(int64_t(out.shape(2)) == plan.n_features(), "blocks do not fit the features");
            nb::gil_scoped_release free;
            plan.jacobian(p.view, pair_block.data(), center_block.data(), out.data());
        });
}

// `nodes` has one row for all l, or one for each. mixing: [channels][species], or empty.
template <class T, class Correlation>
static std::shared_ptr<Term<T>> density_term(array_in<double> edges, array_in<int64_t> cells,
                                             array_in<double> nodes, int l_max, int n_species,
                                             array_in<double> mixing, Correlation correlation) {
    require(nodes.ndim() == 4, "nodes: [n_nodes][3][l][n]");
    require(nodes.shape(2) == 1 || int(nodes.shape(2)) == l_max + 1, "nodes: one row, or one an l");
    require(mixing.size() == 0 || (mixing.ndim() == 2 && int(mixing.shape(1)) == n_species),
            "mixing: one column for each species");
    const int n_max = int(nodes.shape(3));
    const int n_channels = mixing.size() ? int(mixing.shape(0)) : n_species;
    const std::vector<double> center(n_max, 0.0);
    Expansion<T> expansion(make_table<T>(edges, cells, nodes), l_max, n_max, n_species, center.data());
    return std::make_shared<DensityTerm<T, Correlation>>(DensityPlan<T, Correlation>(
        std::move(expansion), std::move(correlation), n_channels, to_vector(mixing), {}, {}, false));
}

static int channels(const array_in<double>& mixing, int n_species) {
    return mixing.size() && mixing.ndim() == 2 ? int(mixing.shape(0)) : n_species;
}

// Each kind of term is a function that makes it; Python holds it as the base class.
template <class T>
static void bind_terms(nb::module_& m, const std::string& digits) {
    nb::class_<Term<T>>(m, ("Term" + digits).c_str()).def_prop_ro("size", &Term<T>::size);
    m.def(("radial_sums" + digits).c_str(),
          [](array_in<double> edges, array_in<int64_t> cells, array_in<double> nodes,
             int n_species, int n_blocks, array_in<int64_t> block,
             array_in<double> weight) -> std::shared_ptr<Term<T>> {
              require(nodes.ndim() == 4 && nodes.shape(2) == 1, "nodes: [n_nodes][3][1][n]");
              return std::make_shared<RadialSums<T>>(make_table<T>(edges, cells, nodes),
                                                     int(nodes.shape(3)), n_species, n_blocks,
                                                     to_vector(block), to_vector(weight));
          },
          nb::kw_only(), nb::arg("edges"), nb::arg("cells"), nb::arg("nodes"), nb::arg("n_species"),
          nb::arg("n_blocks"), nb::arg("block"), nb::arg("weight"));
    m.def(("diagonal_spectrum" + digits).c_str(),
          [](array_in<double> edges, array_in<int64_t> cells, array_in<double> nodes, int l_max,
             int n_species, array_in<double> mixing, array_in<int64_t> channel_pairs) {
              DiagonalSpectrum<T> correlation(l_max, int(nodes.shape(3)),
                                              to_pairs(channel_pairs, channels(mixing, n_species)));
              return density_term<T>(edges, cells, nodes, l_max, n_species, mixing, correlation);
          },
          nb::kw_only(), nb::arg("edges"), nb::arg("cells"), nb::arg("nodes"), nb::arg("l_max"),
          nb::arg("n_species"), nb::arg("mixing"), nb::arg("channel_pairs"));
    m.def(("triple_products" + digits).c_str(),
          [](array_in<double> edges, array_in<int64_t> cells, array_in<double> nodes, int l_max,
             int n_species, array_in<double> mixing, array_in<int64_t> first,
             array_in<int64_t, nb::shape<-1, 3>> index, array_in<double> weight) {
              require(index.shape(0) == weight.size(), "products: index and weight differ in length");
              std::vector<typename TripleProducts<T>::Product> products(weight.size());
              for (size_t e = 0; e < products.size(); ++e) {
                  const int64_t* at = index.data() + 3 * e;
                  for (int c = 0; c < 3; ++c)
                      require(0 <= at[c] && at[c] <= INT32_MAX, "product of unknown coefficients");
                  products[e] = {int32_t(at[0]), int32_t(at[1]), int32_t(at[2]), T(weight.data()[e])};
              }
              TripleProducts<T> correlation(l_max, int(nodes.shape(3)), channels(mixing, n_species),
                                            to_vector(first), std::move(products));
              return density_term<T>(edges, cells, nodes, l_max, n_species, mixing,
                                     std::move(correlation));
          },
          nb::kw_only(), nb::arg("edges"), nb::arg("cells"), nb::arg("nodes"), nb::arg("l_max"),
          nb::arg("n_species"), nb::arg("mixing"), nb::arg("first"), nb::arg("index"),
          nb::arg("weight"));
}

void bind_sums(nb::module_& m) {
    bind_terms<double>(m, "64");
    bind_terms<float>(m, "32");
    bind_plan<double>(m, "SumsPlan64");
    bind_plan<float>(m, "SumsPlan32");
}

}  // namespace vicinal
