#include "bindings.hpp"
#include "similarity.hpp"

namespace vicinal {

// Groups: increasing ends of ranges that cover all n items, and an index below n_groups for each.
static void check_groups(const array_in<int64_t>& ends, const array_in<int64_t>& group, int64_t n,
                         int64_t n_groups) {
    bool good = ends.size() == group.size() + 1 && ends.data()[0] == 0 &&
                ends.data()[group.size()] == n;
    std::vector<bool> seen(size_t(n_groups), false);
    for (size_t s = 0; good && s < group.size(); ++s) {
        const int64_t g = group.data()[s];
        good = ends.data()[s] <= ends.data()[s + 1] && 0 <= g && g < n_groups && !seen[size_t(g)];
        if (good) seen[size_t(g)] = true;
    }
    require(good, "groups do not fit");
}

void bind_similarity(nb::module_& m) {
    m.def(
        "add_gaussian_sums",
        [](array_in<double, nb::ndim<2>> dots, array_in<double> xx, array_in<double> yy,
           double gamma, array_in<int64_t> row_ends, array_in<int64_t> row_group,
           array_in<int64_t> column_ends, array_in<int64_t> column_group,
           array_out<double, nb::ndim<2>> out, int n_threads) {
            const int64_t n = int64_t(dots.shape(0)), k = int64_t(dots.shape(1));
            require(int64_t(xx.size()) == n && int64_t(yy.size()) == k, "squares do not fit");
            check_groups(row_ends, row_group, n, int64_t(out.shape(0)));
            check_groups(column_ends, column_group, k, int64_t(out.shape(1)));
            GaussianSums sums{dots.data(),
                              n,
                              k,
                              xx.data(),
                              yy.data(),
                              gamma,
                              row_ends.data(),
                              row_group.data(),
                              int64_t(row_group.size()),
                              column_ends.data(),
                              column_group.data(),
                              int64_t(column_group.size()),
                              out.data(),
                              int64_t(out.shape(1))};
            nb::gil_scoped_release free;
            sums.add(std::max(1, n_threads));
        },
        nb::arg("dots"), nb::arg("xx"), nb::arg("yy"), nb::arg("gamma"), nb::arg("row_ends"),
        nb::arg("row_group"), nb::arg("column_ends"), nb::arg("column_group"), nb::arg("out"),
        nb::arg("n_threads"));
}

}  // namespace vicinal
