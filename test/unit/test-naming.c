/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "enroll/naming.h"
#include "test.h"

static char host[NAMING_HOST_MAX];

static CertificateNames names_of(const char *a, const char *b) {
        CertificateNames n = {};

        if (a)
                strcpy(n.names[n.n++], a);
        if (b)
                strcpy(n.names[n.n++], b);
        return n;
}

/* expected NULL: refused with outcome. */
static void try_name(CertificateNames names, const char *wanted, const char *recorded, const char *expected,
                     JobOutcome outcome) {
        _cleanup_free_ char *name = NULL;
        Failure f = {};

        int r = choose_name(&names, wanted, recorded, &name, &f);
        check_int(f.outcome, outcome);
        if (expected) {
                check_int(r, 0);
                check_str(name, expected);
        } else {
                check(r < 0 && !name && *f.text);
                if (wanted)
                        check(strstr(f.text, wanted));
                for (size_t i = 0; i < names.n; i++)
                        check(strstr(f.text, names.names[i]));
        }
}

static void test_named(void) {
        try_name(names_of("mine-1", NULL), NULL, NULL, "mine-1", OUTCOME_DONE);
        try_name(names_of("mine-1", NULL), "mine-1", NULL, "mine-1", OUTCOME_DONE);
        try_name(names_of("mine-1", NULL), "Mine-1", NULL, NULL, OUTCOME_WRONG_NAME);
        try_name(names_of("mine-1", NULL), "other", "mine-1", NULL, OUTCOME_WRONG_NAME);
        try_name(names_of("mine-1", NULL), NULL, "renamed-since", "mine-1", OUTCOME_DONE);
        try_name(names_of("mine-1", "mine-2"), NULL, NULL, NULL, OUTCOME_WRONG_NAME);
        try_name(names_of("mine-1", "mine-2"), NULL, "mine-2", "mine-2", OUTCOME_DONE);
        try_name(names_of("mine-1", "mine-2"), "mine-1", "mine-2", "mine-1", OUTCOME_DONE);
        try_name(names_of("mine-1", host), NULL, NULL, host, OUTCOME_DONE);
}

/* The inventory's spelling counts, which is what the ACME server compares. */
static void test_host_case(void) {
        char other[NAMING_HOST_MAX];

        for (size_t i = 0; i <= strlen(host); i++)
                other[i] = host[i] >= 'a' && host[i] <= 'z' ? (char) (host[i] - 'a' + 'A') : host[i];
        try_name(names_of("mine-1", other), NULL, NULL, other, OUTCOME_DONE);
}

static void test_any(void) {
        try_name(names_of(NULL, NULL), "what-i-like", "before", "what-i-like", OUTCOME_DONE);
        try_name(names_of(NULL, NULL), NULL, "before", "before", OUTCOME_DONE);
        try_name(names_of(NULL, NULL), "*.what", NULL, NULL, OUTCOME_INVALID);
        if (device_name_valid(host))
                try_name(names_of(NULL, NULL), NULL, NULL, host, OUTCOME_DONE);
}

int main(void) {
        char suggestion[NAMING_HOST_MAX];

        check_int(gethostname(host, sizeof(host)), 0);
        check(*host);
        test_named();
        test_host_case();
        test_any();
        const char *s = naming_suggest(suggestion);
        check(strcmp(s, "NAME") == 0 || device_name_valid(s));
        return EXIT_SUCCESS;
}
