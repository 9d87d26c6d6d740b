#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

#include "axilrod_teller.hpp"
#include "bindings.hpp"
#include "triplets.hpp"

namespace vicinal {

// A vicinal.basis.spline.Table of functions that share one row.
struct TableArrays {
    array_in<double> edges;
    array_in<int64_t> cells;
    array_in<double> nodes;

    explicit TableArrays(nb::handle table)
        : edges(nb::cast<array_in<double>>(table.attr("edges"))),
          cells(nb::cast<array_in<int64_t>>(table.attr("cells"))),
          nodes(nb::cast<array_in<double>>(table.attr("nodes"))) {
        require(nodes.ndim() == 4 && nodes.shape(2) == 1, "nodes: [n_nodes][3][1][n]");
    }
    int size() const { return int(nodes.shape(3)); }
    template <class T>
    RadialTable<T> make() const {
        return make_table<T>(edges, cells, nodes);
    }
};

template <class T>
static void bind_term(nb::module_& m, const char* name) {
    m.def(name,
          [](nb::object pair, nb::object side, nb::object mean, nb::object angle, bool theta,
             bool paired, bool angles_last, std::shared_ptr<TripleWeight> shape, int n_species,
             int n_blocks, array_in<int64_t> block,
             array_in<double> weight) -> std::shared_ptr<Term<T>> {
              const TableArrays P(pair), A(angle);
              auto optional = [&](nb::object table) -> std::optional<RadialTable<T>> {
                  if (table.is_none()) return std::nullopt;
                  const TableArrays arrays(table);
                  require(arrays.size() == P.size(), "triplets: the numbers of functions differ");
                  return arrays.make<T>();
              };
              return std::make_shared<Triplets<T>>(
                  typename Triplets<T>::Factors{P.make<T>(), optional(side), optional(mean),
                                                A.make<T>(), P.size(), A.size(), theta, paired,
                                                angles_last, std::move(shape)},
                  n_species, n_blocks, to_vector(block), to_vector(weight));
          },
          nb::kw_only(), nb::arg("pair"), nb::arg("side").none(), nb::arg("mean").none(),
          nb::arg("angle"), nb::arg("theta"), nb::arg("paired"), nb::arg("angles_last"),
          nb::arg("shape").none(), nb::arg("n_species"), nb::arg("n_blocks"), nb::arg("block"),
          nb::arg("weight"));
}

void bind_triplets(nb::module_& m) {
    nb::class_<TripleWeight>(m, "TripleWeight");
    nb::class_<AxilrodTeller, TripleWeight>(m, "AxilrodTeller")
        .def(nb::init<double, double>(), nb::arg("c"), nb::arg("n"));
    bind_term<double>(m, "triplets64");
    bind_term<float>(m, "triplets32");
}

}  // namespace vicinal
