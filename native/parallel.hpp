// A loop over independent items on several threads. Which thread does an item never changes its
// result.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace vicinal {

// Threads that outlive a call, since starting one can take longer than a small call. Waking one is
// slow too: after a job they look out for the next for a millisecond before they go to sleep, and
// whoever gives a job out never waits for a thread that has not begun.
class Pool {
public:
    static Pool& get() {
        // Never destroyed: its threads may still sleep when the process ends. A fork has none of
        // its parent's threads, and so gets a pool of its own.
        static std::mutex guard;
        static Pool* pool = nullptr;
        static pid_t owner = 0;
        std::lock_guard<std::mutex> lock(guard);
        if (!pool || owner != getpid()) pool = new Pool, owner = getpid();
        return *pool;
    }

    // job(0) here, and job(1), job(2) .. job(n - 1) on other threads that come while it lasts.
    // Where the pool serves another caller, job(0) alone.
    void run(int n, const std::function<void(int)>& job) {
        std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
        if (!mine || n == 1) return job(0);
        n = std::min(n, 1 << 12);
        for (; n_workers_ < n - 1; ++n_workers_) std::thread(&Pool::work, this).detach();
        job_ = &job;
        limit_ = n - 1;
        {
            std::lock_guard<std::mutex> lock(sleep_);
            state_ = (number(state_) + 1) << 32;
        }
        wake_.notify_all();
        job(0);
        state_.fetch_or(closed);
        for (int spins = 0; entered(state_) != left(state_); ++spins) pause(spins);
    }

private:
    // Of the current job: its number, whether it is closed to newcomers, and how many threads have
    // entered and left it.
    static constexpr uint64_t closed = uint64_t(1) << 31, one_more = uint64_t(1) << 16;
    static uint64_t number(uint64_t state) { return state >> 32; }
    static int entered(uint64_t state) { return int(state >> 16 & 0x7fff); }
    static int left(uint64_t state) { return int(state & 0xffff); }

    void work() {
        for (uint64_t seen = 0;;) {
            uint64_t now = next(seen);
            seen = number(now);
            while (number(now) == seen && !(now & closed) && entered(now) < limit_)
                if (state_.compare_exchange_weak(now, now + one_more)) {
                    (*job_)(entered(now) + 1);
                    ++state_;  // left
                    break;
                }
        }
    }

    // The state once it is that of another job.
    uint64_t next(uint64_t seen) {
        using clock = std::chrono::steady_clock;
        const auto until = clock::now() + std::chrono::milliseconds(1);
        do {
            for (int spins = 0; spins < 64; ++spins) {
                const uint64_t now = state_;
                if (number(now) != seen) return now;
                pause(0);
            }
        } while (clock::now() < until);
        std::unique_lock<std::mutex> lock(sleep_);
        wake_.wait(lock, [&] { return number(state_) != seen; });
        return state_;
    }

    static void pause(int spins) {
        if (spins > 4096) return std::this_thread::yield();
#if defined(__SSE2__)
        _mm_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    std::mutex busy_, sleep_;
    std::condition_variable wake_;
    std::atomic<uint64_t> state_{0};
    std::atomic<int> limit_{0};
    const std::function<void(int)>* job_ = nullptr;
    int n_workers_ = 0;
};

// work(thread, first, last) for ranges that cover 0..n. Items are at least `grain` for each thread.
// Each thread has a part of its own to begin with, so that two do not touch the same (huge) pages
// of new memory at the same time, and then helps with what is left of the others'. The first
// exception ends the loop and is thrown here.
template <class Work>
void parallel_for(int64_t n, int n_threads, int64_t grain, const Work& work) {
    n_threads = int(std::max<int64_t>(1, std::min<int64_t>(n_threads, n / std::max<int64_t>(grain, 1))));
    if (n_threads == 1) {
        if (n > 0) work(0, int64_t(0), n);
        return;
    }
    struct alignas(64) Part {
        std::atomic<int64_t> next;
        int64_t end;
    };
    std::vector<Part> parts(n_threads);
    for (int t = 0; t < n_threads; ++t)
        parts[t].next = n * t / n_threads, parts[t].end = n * (t + 1) / n_threads;
    const int64_t step = std::max<int64_t>(1, std::min<int64_t>(64, n / (n_threads * 16)));
    std::atomic<bool> stop{false};
    std::exception_ptr failed;
    std::mutex guard;
    Pool::get().run(n_threads, [&](int thread) {
        try {
            for (int k = 0; k < n_threads; ++k) {
                Part& part = parts[(thread + k) % n_threads];
                for (int64_t first; !stop && (first = part.next.fetch_add(step)) < part.end;)
                    work(thread, first, std::min(first + step, part.end));
            }
        } catch (...) {
            std::lock_guard<std::mutex> lock(guard);
            failed = std::current_exception();
            stop = true;
        }
    });
    if (failed) std::rethrow_exception(failed);
}

}  // namespace vicinal
