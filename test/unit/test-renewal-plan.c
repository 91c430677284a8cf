/* SPDX-License-Identifier: MIT */
#include "protocol/renewal-plan.h"

#include "test.h"

#define NB 1800000000LL /* not before, of a certificate for a day */
#define HOUR 3600LL
#define DAY (24 * HOUR)
#define SEED 0x0123456789abcdefULL

static const RenewalFacts day = { .enrolled = true, .not_before = NB, .not_after = NB + DAY, .seed = SEED };

static void check_plan(RenewalPlan p, RenewalAction action, RenewalReason reason, int64_t from, int64_t to) {
        if (p.action != action || p.reason != reason || p.due < from || p.due > to)
                fprintf(stderr, "action %d, reason %s, due %" PRId64 " (%" PRId64 " after the begin)\n", (int) p.action,
                        renewal_reason_to_string(p.reason), p.due, (int64_t) (p.due - NB));
        check_int(p.action, action);
        check_str(renewal_reason_to_string(p.reason), renewal_reason_to_string(reason));
        check(p.due >= from && p.due <= to);
}

/* --- A table of cases: a certificate for a day, hours after its begin --- */

typedef struct Case {
        const char *what;
        double woken;            /* hours; the state's times as well. 0: long before */
        double attempted;        /* 0: nothing failed */
        double reached, retry_at;
        uint32_t failures;
        bool no_network;
        RenewalAction action;
        RenewalReason reason;
        double from, to;         /* due, hours */
} Case;

#define SECONDS(n) ((n) / 3600.0)

static const Case cases[] = {
        { "two thirds", 0, 0, 0, 0, 0, 0, RENEWAL_RENEW, REASON_AGE, 14, 18 },
        { "boot in the first third", 7.9, 0, 0, 0, 0, 0, RENEWAL_RENEW, REASON_AGE, 14, 18 },
        { "boot after a third", 8.1, 0, 0, 0, 0, 0, RENEWAL_RENEW, REASON_BOOT, 8.1, 8.6 },
        { "boot after two thirds", 20, 0, 0, 0, 0, 0, RENEWAL_RENEW, REASON_BOOT, 20, 20.5 },
        { "boot near the end", 23.9, 0, 0, 0, 0, 0, RENEWAL_RENEW, REASON_BOOT, 23.9, 23.9125 },
        { "boot after the end", 30, 0, 0, 0, 0, 0, RENEWAL_RENEW, REASON_BOOT, 30, 30 },
        { "boot weeks after", 3000, 0, 0, 0, 0, 0, RENEWAL_RENEW, REASON_BOOT, 3000, 3000 },

        { "first failure", 0, 18, 0, 0, 1, 0, RENEWAL_RENEW, REASON_BACKOFF, 18 + SECONDS(30), 18 + SECONDS(60) },
        { "second failure", 0, 18, 0, 0, 2, 0, RENEWAL_RENEW, REASON_BACKOFF, 18 + SECONDS(60), 18 + SECONDS(120) },
        { "fifth failure", 0, 18, 0, 0, 5, 0, RENEWAL_RENEW, REASON_BACKOFF, 18 + SECONDS(480), 18 + SECONDS(960) },
        { "many failures", 0, 18, 0, 0, 1000, 0, RENEWAL_RENEW, REASON_BACKOFF, 18.5, 19 },
        { "failure before its time", 0, 2, 0, 0, 1, 0, RENEWAL_RENEW, REASON_AGE, 14, 18 },
        { "failure, then boot", 20, 18, 0, 0, 9, 0, RENEWAL_RENEW, REASON_BOOT, 20, 20.5 },
        { "failure, then boot after the end", 40, 18, 0, 0, 9, 0, RENEWAL_RENEW, REASON_BOOT, 40, 40 },
        { "boot, then failure", 20, 20.5, 0, 0, 1, 0, RENEWAL_RENEW, REASON_BACKOFF, 20.5, 20.5 + SECONDS(60) },

        { "Retry-After", 0, 18, 0, 18.25, 1, 0, RENEWAL_RENEW, REASON_RETRY_AFTER, 18.25, 18.4 },
        { "Retry-After to the end", 0, 18, 0, 24, 1, 0, RENEWAL_RENEW, REASON_RETRY_AFTER, 19.125, 19.5 },
        { "Retry-After beyond the end", 0, 23.8, 0, 48, 1, 0, RENEWAL_RENEW, REASON_RETRY_AFTER, 23.8 + SECONDS(135),
          23.85 },
        { "Retry-After, at the end", 0, 23.998, 0, 48, 1, 0, RENEWAL_RENEW, REASON_BACKOFF, 23.998 + SECONDS(30),
          23.998 + SECONDS(60) },
        { "Retry-After, after the end", 0, 25, 0, 25.5, 1, 0, RENEWAL_RENEW, REASON_RETRY_AFTER, 25.5, 25.8 },
        { "short Retry-After", 0, 18, 0, 18.001, 9, 0, RENEWAL_RENEW, REASON_BACKOFF, 18.5, 19 },

        { "no network", 0, 18, 0, 0, 0, 1, RENEWAL_REACH, REASON_NO_NETWORK, 18 + SECONDS(30), 18 + SECONDS(30) },
        { "no network after failures", 0, 18, 0, 0, 9, 1, RENEWAL_REACH, REASON_NO_NETWORK, 18 + SECONDS(30),
          18 + SECONDS(30) },
        { "no network for a week", 0, 168, 0, 0, 0, 1, RENEWAL_REACH, REASON_NO_NETWORK, 168 + SECONDS(30),
          168 + SECONDS(30) },
        { "no network before its time", 0, 2, 0, 0, 0, 1, RENEWAL_RENEW, REASON_AGE, 14, 18 },
        { "network is back", 0, 18, 18.5, 0, 0, 1, RENEWAL_RENEW, REASON_NETWORK, 18.5, 19 },
        { "network is back, the certificate ended without it", 0, 18, 40, 0, 0, 1, RENEWAL_RENEW, REASON_NETWORK, 40,
          40 + SECONDS(300) },
        { "network is back, the certificate ended while off", 30, 30.3, 30.4, 0, 0, 1, RENEWAL_RENEW, REASON_NETWORK,
          30.4, 30.4 },
};

static int64_t at(double hours) {
        return hours == 0 ? 0 : NB + (int64_t) (hours * HOUR + 0.5);
}

static void test_table(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case *c = &cases[i];
                const RenewalState s = {
                        .wake = WAKE_BOOT, .woken = c->woken != 0 ? at(c->woken) : NB - DAY,
                        .attempted = at(c->attempted), .reached = at(c->reached), .retry_at = at(c->retry_at),
                        .outcome = c->attempted != 0 ? OUTCOME_UNREACHABLE : OUTCOME_DONE,
                        .no_network = c->no_network, .failures = c->failures, .succeeded = NB,
                };
                printf("%s\n", c->what);
                check_plan(renewal_plan(&day, &s), c->action, c->reason, at(c->from), at(c->to));
        }
}

/* --- What the table has no column for --- */

static void test_resume_and_clock_have_their_names(void) {
        RenewalState s = { .wake = WAKE_RESUME, .woken = NB + 9 * HOUR };

        check_int(renewal_plan(&day, &s).reason, REASON_RESUME);
        s.wake = WAKE_CLOCK;
        check_int(renewal_plan(&day, &s).reason, REASON_CLOCK);
}

static void test_same_answer_again(void) {
        RenewalState s = { .wake = WAKE_BOOT, .woken = NB + 9 * HOUR, .attempted = NB + 18 * HOUR, .failures = 3,
                           .outcome = OUTCOME_REFUSED };
        int64_t due = renewal_plan(&day, &s).due;
        RenewalFacts other = day;
        unsigned same = 0;

        for (unsigned i = 0; i < 100; i++) {
                check_int(renewal_plan(&day, &s).due, due);
                other.seed = SEED + 1 + i;
                same += renewal_plan(&other, &s).due == due;
        }
        check(same < 10);
}

/* A clock or a server that is wrong must not renew in a loop. */
static void test_new_certificate_that_looks_old(void) {
        const RenewalState s = { .wake = WAKE_CLOCK, .woken = NB + 700 * DAY - 50, .succeeded = NB + 700 * DAY,
                                 .attempted = NB + 700 * DAY };

        check_plan(renewal_plan(&day, &s), RENEWAL_RENEW, REASON_JUST_CAME, NB + 700 * DAY + 3 * HOUR,
                   NB + 700 * DAY + 3 * HOUR);
}

static void test_not_valid_yet(void) {
        const RenewalState s = { .wake = WAKE_BOOT, .woken = NB - 700 * DAY };
        check_plan(renewal_plan(&day, &s), RENEWAL_RENEW, REASON_AGE, NB + 14 * HOUR, NB + 18 * HOUR);
}

static void test_renew_before(void) {
        const RenewalState s = { .wake = WAKE_BOOT, .woken = NB - DAY, .succeeded = NB };
        RenewalFacts f = day;

        f.renew_before = 4 * HOUR;
        check_plan(renewal_plan(&f, &s), RENEWAL_RENEW, REASON_SET, NB + 16 * HOUR, NB + 20 * HOUR);
        f.renew_before = 100 * DAY; /* longer than its life: a third of it must be over */
        check_plan(renewal_plan(&f, &s), RENEWAL_RENEW, REASON_SET, NB + 8 * HOUR, NB + 12 * HOUR);
        f.renew_before = 1;
        check_plan(renewal_plan(&f, &s), RENEWAL_RENEW, REASON_SET, NB + 20 * HOUR - 1, NB + DAY);
}

static void test_short_and_absurd_lives(void) {
        static const int64_t lives[] = { -5, 0, 1, 2, 60, 300, 10 * 365 * DAY, 9000 * 365 * DAY };

        for (size_t i = 0; i < ELEMENTSOF(lives); i++)
                for (uint32_t failures = 0; failures < 70; failures++) {
                        RenewalFacts f = day;
                        RenewalState s = { .woken = NB + lives[i], .failures = failures, .attempted = NB + 9,
                                           .outcome = failures > 0 ? OUTCOME_NO_TPM : OUTCOME_DONE };
                        f.not_after = NB + lives[i];
                        RenewalPlan p = renewal_plan(&f, &s);
                        check_int(p.action, RENEWAL_RENEW);
                        check(p.due >= NB && p.due <= NB + MAX_OF(lives[i], (int64_t) 0) + RENEWAL_BACKOFF_MAX);
                        check(failures == 0 || p.due > s.attempted);
                }
}

static void test_auto_enroll(void) {
        RenewalFacts f = { .seed = SEED };
        RenewalState s = { .wake = WAKE_BOOT, .woken = NB };

        check_int(renewal_plan(&f, &s).action, RENEWAL_NOTHING);
        f.auto_enroll = true;
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_UNENROLLED, NB, NB);
        s.attempted = NB + 10;
        s.outcome = OUTCOME_UNKNOWN_DEVICE;
        s.failures = 1;
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_BACKOFF, NB + 25, NB + 40);
        s.failures = 50; /* a person who lets it in does not wait for ever */
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_BACKOFF, NB + 10 + 450, NB + 10 + 900);
        s.no_network = true;
        check_plan(renewal_plan(&f, &s), RENEWAL_REACH, REASON_NO_NETWORK, NB + 40, NB + 40);
        s.reached = NB + 40;
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_NETWORK, NB + 40, NB + 40);
        s.declined = true;
        check_int(renewal_plan(&f, &s).action, RENEWAL_NOTHING);
}

/* Waiting for a person is no failure: asked again as the server says, however long it takes. */
static void test_approval(void) {
        RenewalFacts f = { .seed = SEED };
        RenewalState s = { .attempted = NB, .outcome = OUTCOME_WAITING, .retry_at = NB + 40, .failures = 30 };

        check_int(renewal_plan(&f, &s).action, RENEWAL_NOTHING); /* nobody has asked for it */
        f.waiting = true;
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_APPROVAL, NB + 40, NB + 50);
        s.declined = true; /* unenrolled by hand once, and then asked for by hand */
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_APPROVAL, NB + 40, NB + 50);
        s.retry_at = 0;
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_APPROVAL, NB + RENEWAL_APPROVAL_SEC,
                   NB + RENEWAL_APPROVAL_SEC * 5 / 4);
        s.outcome = OUTCOME_UNREACHABLE; /* meanwhile */
        s.failures = 1;
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_BACKOFF, NB + 15, NB + 30);

        f = (RenewalFacts) { .seed = SEED, .auto_enroll = true };
        s = (RenewalState) { .attempted = NB, .outcome = OUTCOME_WAITING, .retry_at = NB + 40 };
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_APPROVAL, NB + 40, NB + 50);

        /* An enrolled device: this server does not know it any more. */
        f = day;
        s.attempted = NB + 20 * HOUR;
        s.retry_at = s.attempted + 40;
        check_plan(renewal_plan(&f, &s), RENEWAL_RENEW, REASON_APPROVAL, NB + 20 * HOUR + 40, NB + 20 * HOUR + 50);
}

/* Another server does not know it yet: asked beside the renewal, and neither keeps the other waiting. */
static void test_approval_elsewhere(void) {
        RenewalEnd e = { .kind = JOB_ENROLL, .outcome = OUTCOME_WAITING, .retry_after = 40 };
        RenewalState s = { .wake = WAKE_BOOT, .woken = NB - DAY, .succeeded = NB };
        RenewalFacts f = day;

        f.waiting = true;
        f.ask_at = renewal_ask_at(&e, NB + HOUR);
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_APPROVAL, NB + HOUR + 40, NB + HOUR + 55);
        f.ask_at = renewal_ask_at(&e, NB + 19 * HOUR);
        check_plan(renewal_plan(&f, &s), RENEWAL_RENEW, REASON_AGE, NB + 14 * HOUR, NB + 18 * HOUR);
        s.attempted = NB + 19 * HOUR;
        s.outcome = OUTCOME_REFUSED;
        s.failures = 5;
        check_plan(renewal_plan(&f, &s), RENEWAL_ENROLL, REASON_APPROVAL, NB + 19 * HOUR + 40, NB + 19 * HOUR + 55);
        f.ask_at = NB + 23 * HOUR;
        check_plan(renewal_plan(&f, &s), RENEWAL_RENEW, REASON_BACKOFF, NB + 19 * HOUR + 240, NB + 19 * HOUR + 960);
        e.retry_after = 0;
        check_int(renewal_ask_at(&e, NB), NB + RENEWAL_APPROVAL_SEC);
        e.outcome = OUTCOME_UNREACHABLE;
        check_int(renewal_ask_at(&e, NB), NB + RENEWAL_ENROLL_BACKOFF_MAX);
}

/* --- Storms: 10 000 devices, simulated second by second --- */

#define DEVICES 10000U
#define MINUTES (72 * 60)

typedef struct Device {
        RenewalFacts facts;
        RenewalState state;
} Device;

typedef enum Weather { FINE, REFUSING, NO_ROUTE } Weather;

static Device devices[DEVICES];
static unsigned renewals[MINUTES], attempts[MINUTES];

static void enrolled_at(Device *d, int64_t t) {
        d->facts.not_before = t;
        d->facts.not_after = t + DAY;
}

/* Certificates that came within the hour before NB, as after a rollout. */
static void set_up(void) {
        memset(renewals, 0, sizeof(renewals));
        memset(attempts, 0, sizeof(attempts));
        for (unsigned i = 0; i < DEVICES; i++) {
                devices[i] = (Device) {
                        .facts = { .enrolled = true, .seed = (i + 1) * 0xd1342543de82ef95ULL },
                        .state = { .wake = WAKE_BOOT, .woken = NB - DAY },
                };
                enrolled_at(&devices[i], NB - i % 3600);
                devices[i].state.succeeded = devices[i].facts.not_before;
        }
}

static void act(Device *d, RenewalAction action, Weather weather, int64_t now) {
        const RenewalEnd end = {
                .kind = action == RENEWAL_REACH ? JOB_REACH : JOB_RENEW,
                .outcome = weather == FINE ? OUTCOME_DONE : OUTCOME_UNREACHABLE,
                .no_network = weather == NO_ROUTE,
        };

        if (end.kind == JOB_RENEW) {
                attempts[(now - NB) / 60]++;
                if (weather == FINE) {
                        renewals[(now - NB) / 60]++;
                        enrolled_at(d, now);
                }
        }
        (void) renewal_state_ended(&d->state, &end, now);
}

/* All devices from one moment to another. */
static void live(int64_t from, int64_t to, Weather weather) {
        for (unsigned i = 0; i < DEVICES; i++)
                for (int64_t now = from; now < to;) {
                        RenewalPlan p = renewal_plan(&devices[i].facts, &devices[i].state);
                        if (p.due >= to)
                                break;
                        now = MAX_OF(now + 1, p.due);
                        if (now < to)
                                act(&devices[i], p.action, weather, now);
                }
}

static void wake_all(int64_t t, RenewalWake wake) {
        for (unsigned i = 0; i < DEVICES; i++) {
                devices[i].state.wake = wake;
                devices[i].state.woken = t;
        }
}

static void report(const char *what, int64_t since, unsigned limit) {
        unsigned most = 0, all = 0, within = 0;

        for (unsigned m = (unsigned) ((since - NB) / 60); m < MINUTES; m++) {
                most = MAX_OF(most, renewals[m]);
                all += renewals[m];
                if (all >= DEVICES && within == 0)
                        within = m - (unsigned) ((since - NB) / 60);
        }
        printf("%s: at most %u renewals in a minute, the first %u within %u minutes\n", what, most, DEVICES, within);
        check(all >= DEVICES);
        check(most <= limit);
}

static void test_storm_of_a_rollout(void) {
        set_up();
        live(NB, NB + 2 * DAY, FINE);
        report("storm: all enrolled within an hour", NB, 100);
}

static void test_storm_after_a_server_outage(void) {
        unsigned most = 0;

        set_up();
        live(NB, NB + 10 * HOUR, FINE);
        live(NB + 10 * HOUR, NB + 22 * HOUR, REFUSING);
        for (unsigned m = 0; m < 22 * 60; m++)
                most = MAX_OF(most, attempts[m]);
        printf("storm: at most %u attempts in a minute at a server that refuses\n", most);
        check(most < 1000);
        live(NB + 22 * HOUR, NB + 47 * HOUR, FINE);
        report("storm: server back after 12 hours", NB + 22 * HOUR, 600);
}

static void test_storm_after_a_network_outage(void) {
        set_up();
        live(NB, NB + 10 * HOUR, FINE);
        live(NB + 10 * HOUR, NB + 20 * HOUR, NO_ROUTE);
        live(NB + 20 * HOUR, NB + 47 * HOUR, FINE);
        report("storm: network back after 10 hours", NB + 20 * HOUR, 600);

        set_up();
        live(NB, NB + 10 * HOUR, FINE);
        live(NB + 10 * HOUR, NB + 40 * HOUR, NO_ROUTE);
        live(NB + 40 * HOUR, NB + 70 * HOUR, FINE);
        report("storm: network back after 30 hours, all certificates ended", NB + 40 * HOUR, 3000);
}

static void test_storm_after_a_common_boot(void) {
        set_up();
        live(NB, NB + 10 * HOUR, FINE);
        wake_all(NB + 12 * HOUR, WAKE_BOOT);
        live(NB + 12 * HOUR, NB + 47 * HOUR, FINE);
        report("storm: power back after 2 hours", NB + 12 * HOUR, 600);

        set_up();
        live(NB, NB + 10 * HOUR, FINE);
        wake_all(NB + 22 * HOUR, WAKE_RESUME);
        live(NB + 22 * HOUR, NB + 47 * HOUR, FINE);
        report("storm: power back when two thirds are over", NB + 22 * HOUR, 1200);

        /* These are in need, each of them, and not spread: servers that have too much say so, and then they are. */
        set_up();
        wake_all(NB + 40 * HOUR, WAKE_BOOT);
        live(NB + 40 * HOUR, NB + 40 * HOUR + 1200, REFUSING);
        live(NB + 40 * HOUR + 1200, NB + 68 * HOUR, FINE);
        report("storm: power back after all certificates ended, servers overrun for 20 minutes",
               NB + 40 * HOUR + 1200, 2500);
}

static void test_notice(void) {
        check_int(renewal_notice(true, 0, 0, NB), NOTICE_NONE);
        check_int(renewal_notice(false, NB, NB + DAY, NB + 2 * DAY), NOTICE_NONE);
        check_int(renewal_notice(true, NB, NB + DAY, NB + 20 * HOUR - 1), NOTICE_NONE);
        check_int(renewal_notice(true, NB, NB + DAY, NB + 20 * HOUR), NOTICE_SOON);
        check_int(renewal_notice(true, NB, NB + DAY, NB + DAY - 1), NOTICE_SOON);
        check_int(renewal_notice(true, NB, NB + DAY, NB + DAY), NOTICE_ENDED);
        check_int(renewal_notice(true, NB, NB + 60 * DAY, NB + 49 * DAY), NOTICE_NONE);
        check_int(renewal_notice(true, NB, NB + 60 * DAY, NB + 50 * DAY), NOTICE_SOON);
        check_int(renewal_notice(true, 0, NB + DAY, NB + 20 * HOUR), NOTICE_SOON);
        check_int(renewal_notice(true, NB + 2 * DAY, NB + DAY, NB + 20 * HOUR), NOTICE_SOON);
}

static void test_words(void) {
        for (RenewalReason r = REASON_NONE; r < _REASON_MAX; r++) {
                check_int(renewal_reason_from_string(renewal_reason_to_string(r)), r);
                check((*renewal_reason_to_text(r) == 0) == (r == REASON_NONE));
        }
        check_int(renewal_reason_from_string("whim"), REASON_NONE);
}

int main(void) {
        test_words();
        test_notice();
        test_table();
        test_resume_and_clock_have_their_names();
        test_same_answer_again();
        test_new_certificate_that_looks_old();
        test_not_valid_yet();
        test_renew_before();
        test_short_and_absurd_lives();
        test_auto_enroll();
        test_approval();
        test_approval_elsewhere();
        test_storm_of_a_rollout();
        test_storm_after_a_server_outage();
        test_storm_after_a_network_outage();
        test_storm_after_a_common_boot();
        return EXIT_SUCCESS;
}
