// A loop over independent items on several threads. Which thread does an item never changes its result.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace vicinal {

// work(thread, first, last) for ranges that cover 0..n, handed out as threads come free.
template <class Work>
void parallel_for(int64_t n, int n_threads, int64_t grain, const Work& work) {
    n_threads = int(std::max<int64_t>(1, std::min<int64_t>(n_threads, n / std::max<int64_t>(grain, 1))));
    if (n_threads == 1) {
        if (n > 0) work(0, int64_t(0), n);
        return;
    }
    const int64_t step = std::max<int64_t>(1, std::min<int64_t>(64, n / (n_threads * 8)));
    std::atomic<int64_t> next{0};
    std::exception_ptr failed;
    std::mutex guard;
    auto run = [&](int thread) {
        try {
            for (int64_t first; (first = next.fetch_add(step)) < n;)
                work(thread, first, std::min(first + step, n));
        } catch (...) {
            std::lock_guard<std::mutex> lock(guard);
            failed = std::current_exception();
            next = n;
        }
    };
    std::vector<std::thread> others;
    for (int t = 1; t < n_threads; ++t) others.emplace_back(run, t);
    run(0);
    for (auto& t : others) t.join();
    if (failed) std::rethrow_exception(failed);
}

}  // namespace vicinal
