/* SPDX-License-Identifier: MIT */
#include "protocol/issue-verdict.h"

#include "test.h"

static Device device(void) {
        return (Device) { .ek_hash = { 0xab, 1 }, .n_names = 2, .names = { "framework", "laptop-7" } };
}

static Pending pending(EkEvidence evidence) {
        return (Pending) {
                .ek_hash = { 0xab, 1 },
                .evidence = evidence,
                .tpm = { .manufacturer = "id:00001014", .model = "swtpm", .version = "id:20191023" },
        };
}

static IssueTerms terms(void) {
        return (IssueTerms) { .serial = { 0xff, 2 }, .now = 1000000, .default_lifetime = 86400,
                              .issuer_not_after = 900000000 };
}

static void test_verdicts(void) {
        Pending trusted = pending(EK_EVIDENCE_TRUSTED), untrusted = pending(EK_EVIDENCE_UNTRUSTED),
                none = pending(EK_EVIDENCE_NONE), odd = pending((EkEvidence) 7);
        Device d = device();

        check_int(issue_verdict(&d, &trusted, 1000), ISSUE_GOOD);
        check_int(issue_verdict(&d, &untrusted, 1000), ISSUE_UNTRUSTED_CERTIFICATE);
        check_int(issue_verdict(&d, &none, 1000), ISSUE_NO_CERTIFICATE);
        check_int(issue_verdict(&d, &odd, 1000), ISSUE_NO_CERTIFICATE);
        check_int(issue_verdict(NULL, &trusted, 1000), ISSUE_UNKNOWN_DEVICE);
        d.pinned = true;
        check_int(issue_verdict(&d, &none, 1000), ISSUE_GOOD);
        check_int(issue_verdict(&d, &untrusted, 1000), ISSUE_GOOD);
        d.disabled = true;
        check_int(issue_verdict(&d, &trusted, 1000), ISSUE_DISABLED);
        d.disabled = false;
        d.expires = 1001;
        check_int(issue_verdict(&d, &trusted, 1000), ISSUE_GOOD);
        check_int(issue_verdict(&d, &trusted, 1001), ISSUE_EXPIRED);
        check_int(issue_verdict(&d, &trusted, 2000), ISSUE_EXPIRED);
        d.expires = 0;
        d.ek_hash[31] = 1;
        check_int(issue_verdict(&d, &trusted, 1000), ISSUE_UNKNOWN_DEVICE);

        for (IssueVerdict v = ISSUE_GOOD; v < _ISSUE_VERDICT_MAX; v++)
                check(issue_verdict_to_string(v)[0]);
        check_str(issue_verdict_to_string(_ISSUE_VERDICT_MAX), "unknown verdict");
}

static void test_certificate(void) {
        Pending p = pending(EK_EVIDENCE_TRUSTED);
        IssueTerms t = terms();
        Device d = device();
        IssueNames names;
        AkCertificate c;

        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_str(c.names[0], "framework");
        check_str(c.names[1], "laptop-7");
        check(!c.names[2]);
        check(!c.any_name);
        check_str(c.tpm.model, "swtpm");
        check_int(c.serial[0], 0x7f);
        check_int(c.not_before, 1000000 - AK_CERTIFICATE_BACKDATE);
        check_int(c.not_after, 1000000 + 86400);

        /* The device's own lifetime, but never beyond the issuer. */
        d.ak_lifetime = 600;
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_int(c.not_after, 1000600);
        t.issuer_not_after = 1000100;
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_int(c.not_after, 1000100);
        d.expires = 1000050; /* nor beyond its entry */
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_int(c.not_after, 1000050);
        d.expires = 0;
        t.issuer_not_after = 1000000;
        check_int(issue_certificate(&d, &p, &t, &names, &c), -ESTALE);
}

static void test_names_and_tpm(void) {
        Pending p = pending(EK_EVIDENCE_NONE);
        IssueTerms t = terms();
        Device d = device();
        IssueNames names;
        AkCertificate c;

        /* A pinned device's word about its TPM does not count. */
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_str(c.tpm.manufacturer, "unverified");

        d.n_names = 0;
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_str(c.names[0], "ab01000000000000000000000000000000000000000000000000000000000000");
        check(!c.names[1]);

        d.any_name = true;
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check(!c.names[0]);
        check(c.any_name);
}

/* Beyond the last one there is nothing, whatever the number says. */
static void test_too_many_names(void) {
        Pending p = pending(EK_EVIDENCE_TRUSTED);
        IssueTerms t = terms();
        Device d = device();
        IssueNames names;
        AkCertificate c;

        d.n_names = DEVICE_NAMES_MAX + 1;
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_str(c.names[DEVICE_NAMES_MAX - 1], "");
        check(!c.names[DEVICE_NAMES_MAX]);
}

static void test_san_of_nameless(void) {
        Pending p = pending(EK_EVIDENCE_TRUSTED);
        _cleanup_bytes_ Bytes san = BYTES_NULL;
        IssueTerms t = terms();
        Device d = device();
        IssueNames names;
        AkCertificate c;

        d.n_names = 0;
        check_int(issue_certificate(&d, &p, &t, &names, &c), 0);
        check_int(ak_certificate_san(&c, &san), 0);
        check(memmem(san.data, san.size, names.hash, DEVICE_HASH_TEXT));

        /* Its own hash, but no other's. */
        c.ek_hash[0] = 0;
        check_int(ak_certificate_san(&c, &san), -EINVAL);
}

int main(void) {
        test_verdicts();
        test_certificate();
        test_names_and_tpm();
        test_too_many_names();
        test_san_of_nameless();
        return EXIT_SUCCESS;
}
