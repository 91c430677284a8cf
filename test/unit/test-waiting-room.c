/* SPDX-License-Identifier: MIT */
#include "protocol/waiting-room.h"

#include "test.h"

static bool same(const char *a, const char *b) {
        NetAddress x = waiting_peer_source(a), y = waiting_peer_source(b);
        return waiting_same_source(&x, &y);
}

static void test_source(void) {
        check(same("192.0.2.1:7", "192.0.2.1:65535"));
        check(same("192.0.2.1", "[::ffff:192.0.2.1]:9"));
        check(!same("192.0.2.1:7", "192.0.2.2:7"));
        check(same("[2001:db8:0:1::1]:7", "2001:db8:0:1:ffff::2"));
        check(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
        check(!same("2001:db8::1", "::1"));
        /* What has no address is one source, and no other's. */
        check(same("unix", "unknown") && same("unix", ""));
        check(!same("unix", "127.0.0.1:1") && !same("unix", "2001:db8::1"));
}

static int room(unsigned max, size_t all, size_t untrusted, size_t of_source, EkEvidence evidence) {
        const WaitingPlaces taken = { .all = all, .untrusted = untrusted, .of_source = of_source };
        return waiting_room(max, &taken, evidence);
}

static void test_room(void) {
        const EkEvidence without[] = { EK_EVIDENCE_NONE, EK_EVIDENCE_UNTRUSTED };

        for (unsigned i = 0; i < ELEMENTSOF(without); i++) {
                check_int(room(64, 0, 0, 0, without[i]), 0);
                check_int(room(64, 34, 3, 3, without[i]), 0);
                check_int(room(64, 34, 4, 4, without[i]), -EDQUOT);
                check_int(room(64, 34, 31, 0, without[i]), 0);
                check_int(room(64, 34, 32, 0, without[i]), -EUSERS);
                check_int(room(64, 34, 60, 9, without[i]), -EUSERS);
                check_int(room(64, 64, 0, 0, without[i]), -ENOSPC);
                /* Few places: one each. */
                check_int(room(1, 0, 0, 0, without[i]), 0);
                check_int(room(3, 1, 1, 0, without[i]), 0);
                check_int(room(3, 1, 1, 1, without[i]), -EDQUOT);
                check_int(room(3, 2, 2, 0, without[i]), -EUSERS);
        }
        check_int(room(64, 34, 32, 32, EK_EVIDENCE_TRUSTED), 0);
        check_int(room(64, 63, 32, 4, EK_EVIDENCE_TRUSTED), 0);
        check_int(room(64, 63, 0, 0, EK_EVIDENCE_TRUSTED), 0);
        check_int(room(64, 64, 32, 4, EK_EVIDENCE_TRUSTED), -ENOSPC);
        check_int(room(64, 65, 0, 0, EK_EVIDENCE_TRUSTED), -ENOSPC);
        check_int(waiting_source_max(8192), 512);
        check_int(waiting_source_max(17), 1);
}

static void test_filter(void) {
        const NetAddress one = waiting_peer_source("192.0.2.1:7"), other = waiting_peer_source("192.0.2.2:7");
        WaitingFilter f = {};

        check(waiting_filter_has(&f, true, &one) && waiting_filter_has(&f, false, &other));
        f.untrusted = true;
        check(!waiting_filter_has(&f, true, &one) && waiting_filter_has(&f, false, &other));
        f = (WaitingFilter) {};
        check_int(waiting_filter_source(&f, "192.0.2.1:7"), -EINVAL);
        check_int(waiting_filter_source(&f, ""), -EINVAL);
        check(!f.by_source);
        check_int(waiting_filter_source(&f, "192.0.2.1"), 0);
        check(waiting_filter_has(&f, true, &one) && !waiting_filter_has(&f, false, &other));
        f.untrusted = true;
        check(!waiting_filter_has(&f, true, &one) && waiting_filter_has(&f, false, &one));
}

int main(void) {
        test_source();
        test_room();
        test_filter();
        return EXIT_SUCCESS;
}
