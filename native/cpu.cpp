// Which build of the kernels this processor can run. Compiled for the lowest level of all.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

namespace nb = nanobind;

static std::vector<std::string> built_levels() { return {VICINAL_LEVELS}; }

static std::string best_level() {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd");
    return v4 ? "v4" : v3 ? "v3" : "v2";
#else
    return built_levels().back();
#endif
}

NB_MODULE(_cpu, m) {
    m.doc() = "Instruction levels: those that were built, and the best that this processor has.";
    m.def("built_levels", &built_levels);
    m.def("best_level", &best_level);
}
