#include "bindings.hpp"

NB_MODULE(VICINAL_MODULE, m) {
    m.doc() = "Vicinal's kernels, built for one instruction level.";
#if defined(__clang__)
    m.attr("compiler") = "Clang " __clang_version__;
#elif defined(__GNUC__)
    m.attr("compiler") = "GCC " __VERSION__;
#else
    m.attr("compiler") = "unknown";
#endif
    vicinal::bind_pairs(m);
    vicinal::bind_density(m);
    vicinal::bind_sums(m);
    vicinal::bind_triplets(m);
    vicinal::bind_so4(m);
    vicinal::bind_grids(m);
    vicinal::bind_similarity(m);
}
