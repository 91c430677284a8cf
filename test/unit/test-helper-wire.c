/* SPDX-License-Identifier: MIT */
#include "protocol/helper-wire.h"
#include "test.h"

static Job sample_job(void) {
        Job j = {
                .kind = JOB_ENROLL,
                .acme_url = strdup("https://ca.example/acme/da"),
                .attestation_url = strdup("https://attest.example"),
                .name = strdup("framework"),
                .key = JOB_KEY_RSA2048,
                .ek = JOB_EK_P384,
                .lifetime = 3600,
                .keep_key = JOB_KEEP_KEY_ALWAYS,
                .eab_kid = strdup("kid-1"),
        };
        check_int(bytes_copy(VIEW_STR("PEM\n"), &j.ca_pem), 0);
        check_int(bytes_copy(VIEW("\x00\xff", 2), &j.eab_key), 0);
        return j;
}

static void test_job(void) {
        _cleanup_(job_done) Job j = sample_job(), back = {};
        _cleanup_bytes_ Bytes packet = BYTES_NULL;

        check_int(job_encode(&j, &packet), 0);
        check_int(job_decode(bytes_view(&packet), &back), 0);
        check_int(back.kind, JOB_ENROLL);
        check_str(back.acme_url, j.acme_url);
        check_str(back.attestation_url, j.attestation_url);
        check_str(back.name, j.name);
        check_int(back.key, JOB_KEY_RSA2048);
        check_int(back.ek, JOB_EK_P384);
        check_int(back.lifetime, 3600);
        check_int(back.keep_key, JOB_KEEP_KEY_ALWAYS);
        check_str(back.eab_kid, "kid-1");
        check(view_equal(bytes_view(&back.ca_pem), VIEW_STR("PEM\n")));
        check(view_equal(bytes_view(&back.eab_key), VIEW("\x00\xff", 2)));
        check(!back.revoke);
}

static void test_job_empty(void) {
        _cleanup_(job_done) Job back = {};
        _cleanup_bytes_ Bytes packet = BYTES_NULL;

        check_int(job_encode(&(Job) { .kind = JOB_UNENROLL, .revoke = true }, &packet), 0);
        check_hex(bytes_view(&packet), "02 04 00 00 01 0000000000000000 0000000000000000 00000000 00000000 "
                                       "00000000 00000000 00000000 00000000");
        check_int(job_decode(bytes_view(&packet), &back), 0);
        check(back.revoke && !back.acme_url && !back.name);
}

static void test_job_limits(void) {
        char url[JOB_URL_MAX + 2];
        Job j = { .kind = JOB_ENROLL, .acme_url = url };
        Bytes packet = BYTES_NULL;

        memset(url, 'x', sizeof(url) - 1);
        url[sizeof(url) - 1] = 0;
        check_int(job_encode(&j, &packet), -E2BIG);
        check(!packet.data);
        strcpy(url, "https://a\tb");
        check_int(job_encode(&j, &packet), -EINVAL);
        check(!packet.data);
}

#define F5 "00000000 00000000 00000000 00000000 00000000" /* fields without bytes */
#define F6 "00000000 " F5

static void test_job_bad(void) {
        static const char *const bad[] = {
                "",
                "01 04 00 00 01 0000000000000000 0000000000000000" F6, /* version */
                "02 00 00 00 01 0000000000000000 0000000000000000" F6, /* kind */
                "02 06 00 00 01 0000000000000000 0000000000000000" F6,
                "02 04 03 00 01 0000000000000000 0000000000000000" F6, /* key */
                "02 04 00 06 01 0000000000000000 0000000000000000" F6, /* ek */
                "02 04 00 00 02 0000000000000000 0000000000000000" F6, /* revoke */
                "02 04 00 00 01 8000000000000000 0000000000000000" F6, /* lifetime */
                "02 04 00 00 01 0000000000000000 8000000000000000" F6, /* keep_key */
                "02 04 00 00 01 0000000000000000 0000000000000000" F6 "00", /* more */
                "02 04 00 00 01 0000000000000000 0000000000000000" "ffffffff" F5,
                "02 04 00 00 01 0000000000000000 0000000000000000" "00000001 00" F5, /* NUL */
                "02 04 00 00 01 0000000000000000 0000000000000000" "00000001 e4" F5,
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_bytes_ Bytes packet = test_unhex(bad[i]);
                Job j = {};
                check_int(job_decode(bytes_view(&packet), &j), -EBADMSG);
                check_int(j.kind, 0);
        }

        _cleanup_(job_done) Job sample = sample_job();
        _cleanup_bytes_ Bytes packet = BYTES_NULL;
        check_int(job_encode(&sample, &packet), 0);
        for (size_t n = 0; n < packet.size; n++) {
                Job j = {};
                check_int(job_decode(VIEW(packet.data, n), &j), -EBADMSG);
        }
}

static void test_report(void) {
        Report r = { .type = REPORT_IDENTITY, .ek_type = KEY_TYPE_P384, .ek_certificate = true }, back = {};
        _cleanup_bytes_ Bytes packet = BYTES_NULL, done = BYTES_NULL;

        memset(r.ek_hash, 0xab, sizeof(r.ek_hash));
        check_int(report_encode(&r, &packet), 0);
        check_int(report_decode(bytes_view(&packet), &back), 0);
        check_int(memcmp(&r, &back, sizeof(r)), 0);

        r = (Report) { .type = REPORT_DONE, .outcome = OUTCOME_UNKNOWN_DEVICE, .no_network = true,
                       .retry_after = 300, .text = "one\ntwo" };
        check_int(report_encode(&r, &done), 0);
        check_int(report_decode(bytes_view(&done), &back), 0);
        check_str(back.text, "one\ntwo");
        check_int(back.outcome, OUTCOME_UNKNOWN_DEVICE);
        check_int(back.retry_after, 300);
        check(back.no_network);
        for (size_t n = 0; n < done.size; n++)
                check_int(report_decode(VIEW(done.data, n), &back), -EBADMSG);
}

static void test_report_bad(void) {
        Report r = { .type = REPORT_STEP, .step = STEP_AK };
        _cleanup_bytes_ Bytes packet = BYTES_NULL;
        Bytes none = BYTES_NULL;
        static const struct {
                size_t at;
                uint8_t value;
        } bad[] = {
                { 0, 1 }, { 1, 0 }, { 1, 4 }, { 2, 0 }, { 2, _STEP_MAX }, { 4, 2 }, { 42, 2 }, { 46, 1 }, { 43, 0xff },
        };

        check_int(report_encode(&r, &packet), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                uint8_t was = packet.data[bad[i].at];
                packet.data[bad[i].at] = bad[i].value;
                check_int(report_decode(bytes_view(&packet), &r), -EBADMSG);
                packet.data[bad[i].at] = was;
        }
        check_int(report_encode(&(Report) { .type = REPORT_DONE, .outcome = _OUTCOME_MAX }, &none), -EINVAL);
        check_int(report_encode(&(Report) { .type = REPORT_DONE, .text = "\x1b[31m" }, &none), -EINVAL);
}

static void test_names(void) {
        for (JobOutcome o = OUTCOME_DONE; o < _OUTCOME_MAX; o++)
                check_int(job_outcome_from_string(job_outcome_to_string(o)), o);
        check_str(job_outcome_to_string(OUTCOME_UNKNOWN_DEVICE), "unknown-device");
        check_int(job_outcome_from_string("nonsense"), OUTCOME_FAILED);
        for (JobStep s = STEP_TPM; s < _STEP_MAX; s++)
                check(job_step_to_string(s) && job_step_to_text(s));
        check_str(job_step_to_string(STEP_ATTEST), "attest");
        check_str(job_step_to_text(STEP_ATTEST), "Proving the TPM to the attestation server");
        check_str(job_step_to_string(_STEP_MAX), "unknown");

        JobKey key = JOB_KEY_DEFAULT;
        JobEk ek = JOB_EK_DEFAULT;
        check_int(job_key_from_string("rsa-2048", &key), 0);
        check_int(key, JOB_KEY_RSA2048);
        check_int(job_key_from_string("rsa-1024", &key), -EINVAL);
        check_int(job_ek_from_string("p-384", &ek), 0);
        check_int(ek, JOB_EK_P384);
        check_int(job_ek_from_string("P-384", &ek), -EINVAL);
        check_str(job_key_to_string(JOB_KEY_P256), "p-256");
        check_str(job_ek_to_string(JOB_EK_RSA4096), "rsa-4096");
}

int main(void) {
        test_job();
        test_job_empty();
        test_job_limits();
        test_job_bad();
        test_report();
        test_report_bad();
        test_names();
        return EXIT_SUCCESS;
}
