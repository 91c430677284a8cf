/* SPDX-License-Identifier: MIT */
#include "protocol/renewal-plan.h"

#define REST_MIN 10             /* seconds */
#define RENEWAL_TRIES_LEFT 4      /* a pause takes no more of what is left of a certificate than this part */
#define LIFE_USUAL (24LL * 3600) /* of a certificate */

/* What one purpose's numbers have to do with another's: nothing. */
enum { SPREAD_AGE = 1, SPREAD_WAKE, SPREAD_BACKOFF, SPREAD_RETRY_AFTER, SPREAD_NETWORK, SPREAD_APPROVAL };

/* A number from 0 to max that looks random, always the same for the same device, purpose and occasion. */
static int64_t spread(const RenewalFacts *f, unsigned purpose, int64_t occasion, int64_t max) {
        uint64_t x = f->seed ^ ((uint64_t) occasion * 0x9e3779b97f4a7c15ULL + purpose);

        if (max <= 0)
                return 0;
        for (unsigned i = 0; i < 2; i++) { /* Steele, Lea, Flood: SplitMix64 */
                x += 0x9e3779b97f4a7c15ULL;
                x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
                x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
                x ^= x >> 31;
        }
        return (int64_t) (x % ((uint64_t) max + 1));
}

static int64_t clamp(int64_t value, int64_t min, int64_t max) {
        return MIN_OF(MAX_OF(value, min), max);
}

static int64_t lifetime(const RenewalFacts *f) {
        return MAX_OF(f->not_after - f->not_before, (int64_t) 1);
}

/* The certificate was of no use any more when the device came back, or there was none. */
static bool woke_without(const RenewalFacts *f, const RenewalState *s) {
        return !f->enrolled || s->woken >= f->not_after;
}

/* --- When nothing has happened --- */

static RenewalPlan by_age(const RenewalFacts *f) {
        int64_t life = lifetime(f), window = life / 12;
        RenewalPlan p = { .action = RENEWAL_RENEW, .reason = REASON_AGE };

        if (f->renew_before > 0) {
                p.reason = REASON_SET;
                p.due = clamp(f->not_after - f->renew_before, f->not_before + life / 3 + 2 * window, f->not_after);
        } else
                p.due = f->not_before + 2 * life / 3 + window;
        p.due -= spread(f, SPREAD_AGE, f->not_before, 2 * window);
        return p;
}

static RenewalReason reason_of(RenewalWake w) {
        return w == WAKE_RESUME ? REASON_RESUME : w == WAKE_CLOCK ? REASON_CLOCK : REASON_BOOT;
}

static RenewalPlan without_failures(const RenewalFacts *f, const RenewalState *s) {
        int64_t life = lifetime(f), due;

        if (!f->enrolled)
                return (RenewalPlan) { .action = RENEWAL_ENROLL, .reason = REASON_UNENROLLED, .due = s->woken };

        RenewalPlan p = by_age(f);
        if (s->woken > s->succeeded && s->woken >= f->not_before + life / 3) {
                due = s->woken;
                if (!woke_without(f, s))
                        due += spread(f, SPREAD_WAKE, s->woken,
                                      MIN_OF((f->not_after - s->woken) / 8, (int64_t) RENEWAL_WAKE_SPREAD_MAX));
                if (due < p.due || p.due <= s->woken) {
                        p.due = due;
                        p.reason = reason_of(s->wake);
                }
        }
        due = s->succeeded + MAX_OF(life / 8, (int64_t) REST_MIN);
        if (s->succeeded > 0 && p.due < due) {
                p.due = due;
                p.reason = REASON_JUST_CAME;
        }
        return p;
}

/* --- After a failure --- */

static int64_t backoff(const RenewalFacts *f, const RenewalState *s) {
        int64_t start = RENEWAL_ENROLL_BACKOFF, max = RENEWAL_ENROLL_BACKOFF_MAX, delay;

        if (f->enrolled) {
                start = clamp(lifetime(f) / 1440, RENEWAL_BACKOFF_MIN, RENEWAL_BACKOFF_START_MAX);
                max = clamp(lifetime(f) / 24, 2 * RENEWAL_BACKOFF_MIN, RENEWAL_BACKOFF_MAX);
        }
        delay = MIN_OF(start << MIN_OF(s->failures > 0 ? s->failures - 1 : 0, 20U), max);
        return delay - spread(f, SPREAD_BACKOFF, s->attempted, delay / 2);
}

static RenewalPlan after_network(const RenewalFacts *f, const RenewalState *s) {
        RenewalPlan p = {
                .action = f->enrolled ? RENEWAL_RENEW : RENEWAL_ENROLL,
                .reason = REASON_NETWORK,
                .due = s->reached,
        };

        if (woke_without(f, s))
                return p;
        int64_t left = f->not_after - s->reached;
        int64_t max = left > 0 ? MIN_OF(left / 8, (int64_t) RENEWAL_WAKE_SPREAD_MAX)
                               : MIN_OF(lifetime(f) / 8, (int64_t) RENEWAL_EXPIRED_SPREAD_MAX);
        p.due += spread(f, SPREAD_NETWORK, s->reached, max);
        return p;
}

/* A server knows when it wants to be asked, but not how long this device can wait. */
static int64_t before_the_end(const RenewalFacts *f, const RenewalState *s, int64_t earliest, int64_t due) {
        int64_t max = (f->not_after - s->attempted) / RENEWAL_TRIES_LEFT;

        if (!f->enrolled || max <= 0 || due <= s->attempted + max)
                return due;
        return MAX_OF(s->attempted + max - spread(f, SPREAD_RETRY_AFTER, s->attempted, max / 4), earliest);
}

static RenewalPlan after_failure(const RenewalFacts *f, const RenewalState *s) {
        RenewalPlan p = { .action = f->enrolled ? RENEWAL_RENEW : RENEWAL_ENROLL, .reason = REASON_BACKOFF };

        if (s->outcome == OUTCOME_WAITING) {
                int64_t pause = s->retry_at > s->attempted ? s->retry_at - s->attempted : RENEWAL_APPROVAL_SEC;
                p.reason = REASON_APPROVAL;
                p.due = s->attempted + pause + spread(f, SPREAD_APPROVAL, s->attempted, pause / 4);
                p.due = before_the_end(f, s, s->attempted + backoff(f, s), p.due);
                return p;
        }
        if (s->no_network && s->reached > 0)
                return after_network(f, s);
        if (s->no_network)
                return (RenewalPlan) {
                        .action = RENEWAL_REACH,
                        .reason = REASON_NO_NETWORK,
                        .due = s->attempted + RENEWAL_REACH_SEC,
                };
        p.due = s->attempted + backoff(f, s);
        if (s->retry_at > 0) { /* all were told the same number: after it they do not come together */
                int64_t max = clamp(s->retry_at - s->attempted, 0, RETRY_AFTER_MAX) / 2 + RENEWAL_BACKOFF_START_MAX;
                int64_t due = s->retry_at + spread(f, SPREAD_RETRY_AFTER, s->attempted, max);
                due = before_the_end(f, s, p.due, due);
                if (due > p.due) {
                        p.due = due;
                        p.reason = REASON_RETRY_AFTER;
                }
        }
        return p;
}

static RenewalPlan own_plan(const RenewalFacts *f, const RenewalState *s) {
        RenewalPlan regular = without_failures(f, s);
        if (s->outcome == OUTCOME_DONE)
                return regular;
        RenewalPlan again = after_failure(f, s);
        if (s->outcome == OUTCOME_WAITING && f->waiting && !f->enrolled)
                return again;
        /* What was tried before its time is due at its time, what was due while the device was away as it came back. */
        return again.due > regular.due ? again : regular;
}

RenewalPlan renewal_plan(const RenewalFacts *f, const RenewalState *s) {
        if (!f->enrolled && !f->waiting && (!f->auto_enroll || s->declined))
                return (RenewalPlan) {};
        RenewalPlan own = own_plan(f, s);
        if (!f->enrolled || !f->waiting)
                return own;
        const RenewalPlan ask = {
                .action = RENEWAL_ENROLL,
                .reason = REASON_APPROVAL,
                .due = f->ask_at + spread(f, SPREAD_APPROVAL, f->ask_at, RENEWAL_APPROVAL_SEC / 4),
        };
        return ask.due < own.due ? ask : own;
}

int64_t renewal_ask_at(const RenewalEnd *e, int64_t now) {
        int64_t usual = e->outcome == OUTCOME_WAITING ? RENEWAL_APPROVAL_SEC : RENEWAL_ENROLL_BACKOFF_MAX;
        return now + (e->retry_after > 0 ? e->retry_after : usual);
}

RenewalNotice renewal_notice(bool failing, int64_t succeeded, int64_t not_after, int64_t now) {
        int64_t life = succeeded > 0 && succeeded < not_after ? not_after - succeeded : LIFE_USUAL;

        if (!failing || not_after == 0)
                return NOTICE_NONE;
        return now >= not_after ? NOTICE_ENDED : not_after - now <= life / 6 ? NOTICE_SOON : NOTICE_NONE;
}

/* --- Words --- */

static const struct {
        const char *name, *text;
} reasons[_REASON_MAX] = {
        [REASON_NONE] = { "none", "" },
        [REASON_AGE] = { "age", "two thirds of its life are over" },
        [REASON_SET] = { "set", "as RenewBefore= says" },
        [REASON_BOOT] = { "boot", "the device was started" },
        [REASON_RESUME] = { "resume", "the device was asleep" },
        [REASON_CLOCK] = { "clock", "the clock was set" },
        [REASON_UNENROLLED] = { "unenrolled", "AutoEnroll= is set" },
        [REASON_BACKOFF] = { "backoff", "the last attempt failed" },
        [REASON_RETRY_AFTER] = { "retry-after", "the server asked to wait" },
        [REASON_NO_NETWORK] = { "no-network", "no server could be reached" },
        [REASON_NETWORK] = { "network", "the network is back" },
        [REASON_APPROVAL] = { "approval", "it waits for approval" },
        [REASON_JUST_CAME] = { "just-came", "the certificate has just come, although it is old by this clock" },
};

const char *renewal_reason_to_string(RenewalReason r) {
        return reasons[r < _REASON_MAX ? r : REASON_NONE].name;
}

RenewalReason renewal_reason_from_string(const char *s) {
        for (unsigned i = 0; i < _REASON_MAX; i++)
                if (strcmp(reasons[i].name, s) == 0)
                        return (RenewalReason) i;
        return REASON_NONE;
}

const char *renewal_reason_to_text(RenewalReason r) {
        return reasons[r < _REASON_MAX ? r : REASON_NONE].text;
}
