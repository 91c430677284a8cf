/* SPDX-License-Identifier: MIT */
#include "protocol/renewal-state.h"

#include "test.h"

#define NOW 1800000000LL

static const RenewalState sample = {
        .succeeded = NOW - 5000, .attempted = NOW - 50, .outcome = OUTCOME_UNREACHABLE, .no_network = true,
        .reached = NOW - 20, .retry_at = NOW + 60, .failures = 7, .declined = true,
        .wake = WAKE_RESUME, .woken = NOW - 900, .up = 98765, .asleep = 12345, .booted = NOW - 99999,
};

static void test_text(void) {
        _cleanup_bytes_ Bytes text = BYTES_NULL, again = BYTES_NULL;
        RenewalState s;

        check_int(renewal_state_format(&sample, &text), 0);
        check(text.size < RENEWAL_STATE_TEXT_MAX / 4);
        check_int(renewal_state_parse(bytes_view(&text), &s), 0);
        check_int(s.attempted, sample.attempted);
        check_int(s.outcome, OUTCOME_UNREACHABLE);
        check_int(s.failures, 7);
        check_int(s.wake, WAKE_RESUME);
        check(s.no_network && s.declined);
        check_int(s.up, 98765);
        check_int(renewal_state_format(&s, &again), 0);
        check(view_equal(bytes_view(&text), bytes_view(&again)));
}

static void test_bad_text(void) {
        static const char *const bad[] = { "", "{}", "[]", "nonsense", "{\"succeeded\":1}", "\xff" };
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        RenewalState s = { .failures = 3 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(renewal_state_parse(VIEW_STR(bad[i]), &s), -EBADMSG);
        check_int(renewal_state_format(&sample, &text), 0);
        for (size_t n = 0; n < text.size; n++)
                check_int(renewal_state_parse(VIEW(text.data, n), &s), -EBADMSG);
        char *failures = strstr((char *) text.data, "\"failures\":7");
        check(failures);
        failures[11] = '-';
        check_int(renewal_state_parse(bytes_view(&text), &s), -EBADMSG);
        check_int(s.failures, 3);
}

/* --- What happens --- */

static int end(RenewalState *s, JobKind kind, JobOutcome outcome, bool no_network, int64_t now) {
        const RenewalEnd e = { .kind = kind, .outcome = outcome, .no_network = no_network };
        return renewal_state_ended(s, &e, now);
}

static void test_failures_count_until_success(void) {
        RenewalState s = {};

        for (unsigned i = 1; i <= 3; i++) {
                check_int(end(&s, JOB_RENEW, OUTCOME_REFUSED, false, NOW + i), 1);
                check_int(s.failures, i);
                check_int(s.attempted, NOW + i);
        }
        check_int(end(&s, JOB_IDENTIFY, OUTCOME_NO_TPM, false, NOW + 9), 0);
        check_int(s.failures, 3);
        check_int(end(&s, JOB_RENEW, OUTCOME_DONE, false, NOW + 10), 1);
        check_int(s.failures, 0);
        check_int(s.outcome, OUTCOME_DONE);
        check_int(s.succeeded, NOW + 10);
}

static void test_no_network_counts_nothing(void) {
        RenewalState s = { .failures = 2, .outcome = OUTCOME_REFUSED, .attempted = NOW - 9 };

        check_int(end(&s, JOB_RENEW, OUTCOME_UNREACHABLE, true, NOW), 1);
        check_int(s.failures, 2);
        check(s.no_network);
        /* The same again is no news for the disk. */
        check_int(end(&s, JOB_REACH, OUTCOME_UNREACHABLE, true, NOW + 30), 0);
        check_int(s.attempted, NOW + 30);
        check_int(end(&s, JOB_REACH, OUTCOME_DONE, false, NOW + 60), 1);
        check_int(s.reached, NOW + 60);
        check_int(end(&s, JOB_REACH, OUTCOME_DONE, false, NOW + 61), 0);
        check_int(s.reached, NOW + 60);
        /* Gone again before the attempt. */
        check_int(end(&s, JOB_RENEW, OUTCOME_UNREACHABLE, true, NOW + 90), 1);
        check_int(s.reached, 0);
        check_int(s.failures, 2);
        /* There is a network, and behind it a server that is ill. */
        check_int(end(&s, JOB_REACH, OUTCOME_BAD_ANSWER, false, NOW + 120), 1);
        check_int(s.failures, 3);
        check(!s.no_network);
}

static void test_retry_after(void) {
        RenewalState s = {};
        const RenewalEnd busy = { .kind = JOB_RENEW, .outcome = OUTCOME_UNREACHABLE, .retry_after = 120 };

        check_int(renewal_state_ended(&s, &busy, NOW), 1);
        check_int(s.retry_at, NOW + 120);
        check_int(end(&s, JOB_RENEW, OUTCOME_REFUSED, false, NOW + 130), 1);
        check_int(s.retry_at, 0);
}

static void test_waiting_counts_nothing(void) {
        RenewalEnd waits = { .kind = JOB_ENROLL, .outcome = OUTCOME_WAITING, .retry_after = 30 };
        RenewalState s = {};

        check_int(renewal_state_ended(&s, &waits, NOW), 1);
        check_int(s.failures, 0);
        check_int(s.retry_at, NOW + 30);
        check_int(renewal_state_ended(&s, &waits, NOW + 30), 0); /* again: no news */
        check_int(s.failures, 0);
        check_int(s.retry_at, NOW + 60);
        check_int(end(&s, JOB_ENROLL, OUTCOME_UNKNOWN_DEVICE, false, NOW + 60), 1);
        check_int(s.failures, 1);
}

/* A slip of the hand, or another server's no, beside a certificate that is renewed. */
static void test_enrolment_beside_a_certificate(void) {
        RenewalEnd e = { .kind = JOB_ENROLL, .outcome = OUTCOME_UNREACHABLE, .retry_after = 3600,
                         .has_certificate = true };
        RenewalState s;

        memcpy(&s, &sample, sizeof(s)); /* with what lies between its members, which = may leave as it was */

        check_int(renewal_state_ended(&s, &e, NOW), 0);
        e.outcome = OUTCOME_WAITING;
        check_int(renewal_state_ended(&s, &e, NOW), 0);
        check(memcmp(&s, &sample, sizeof(s)) == 0);
        e.kind = JOB_RENEW;
        check_int(renewal_state_ended(&s, &e, NOW), 1);
        check_int(s.retry_at, NOW + 3600);
        e = (RenewalEnd) { .kind = JOB_ENROLL, .outcome = OUTCOME_DONE, .has_certificate = true };
        check_int(renewal_state_ended(&s, &e, NOW), 1);
        check_int(s.succeeded, NOW);
}

static void test_unenrolled_by_hand(void) {
        RenewalState s = { .succeeded = NOW - 9, .failures = 4 };

        check_int(end(&s, JOB_UNENROLL, OUTCOME_REFUSED, false, NOW), 0);
        check(!s.declined);
        check_int(end(&s, JOB_UNENROLL, OUTCOME_DONE, false, NOW), 1);
        check(s.declined && s.failures == 0 && s.succeeded == 0);
        check_int(end(&s, JOB_ENROLL, OUTCOME_DONE, false, NOW + 1), 1);
        check(!s.declined);
}

/* --- Clocks --- */

static RenewalClocks clocks(int64_t realtime, int64_t up, int64_t asleep) {
        return (RenewalClocks) {
                .realtime = realtime, .boottime = up, .monotonic = up - asleep,
        };
}

static int look(RenewalState *s, int64_t realtime, int64_t up, int64_t asleep) {
        const RenewalClocks c = clocks(realtime, up, asleep);
        return renewal_state_clocks(s, &c);
}

static void test_boot_sleep_and_clock(void) {
        RenewalState s = {};

        check_int(look(&s, NOW, 40, 0), 1);
        check_int(s.wake, WAKE_BOOT);
        check_int(s.woken, NOW);
        for (int i = 1; i < 1000; i++) /* a clock that is slewed */
                check_int(look(&s, NOW + 1000 * i + i % 3, 40 + 1000 * i, 0), 0);

        check_int(look(&s, NOW + 1000010, 1000050, 9), 0); /* a nap */
        check_int(look(&s, NOW + 1090000, 1090040, 80000), 1);
        check_int(s.wake, WAKE_RESUME);
        check_int(s.woken, NOW + 1090000);
        check_int(look(&s, NOW + 1090030, 1090070, 80000), 0);

        check_int(look(&s, NOW + 1190030, 1090071, 80000), 1);
        check_int(s.wake, WAKE_CLOCK);

        /* Back to what it was: nothing that happened lies ahead. */
        s.attempted = s.succeeded = NOW + 1190031;
        s.retry_at = NOW + 1190031 + 100;
        check_int(look(&s, NOW + 1090040, 1090081, 80000), 1);
        check_int(s.wake, WAKE_CLOCK);
        check_int(s.woken, NOW + 1090040);
        check_int(s.attempted, NOW + 1090040);
        check_int(s.succeeded, NOW + 1090040);
        check_int(s.retry_at, NOW + 1090040 + RETRY_AFTER_MAX);

        /* Other boots: soon after, and so much later that this one lasts for longer than that did. */
        s.wake = WAKE_NONE;
        check_int(look(&s, NOW + 1090100, 20, 0), 1);
        check_int(s.wake, WAKE_BOOT);
        s.wake = WAKE_NONE;
        check_int(look(&s, NOW + 9000000, 3600, 0), 1);
        check_int(s.wake, WAKE_BOOT);
        check_int(s.woken, NOW + 9000000);
        check_int(look(&s, NOW + 9000001, 3601, 0), 0);
}

int main(void) {
        test_text();
        test_bad_text();
        test_failures_count_until_success();
        test_no_network_counts_nothing();
        test_retry_after();
        test_waiting_counts_nothing();
        test_enrolment_beside_a_certificate();
        test_unenrolled_by_hand();
        test_boot_sleep_and_clock();
        return EXIT_SUCCESS;
}
