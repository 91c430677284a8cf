/* SPDX-License-Identifier: MIT */
#include "protocol/waiting-room.h"

NetAddress waiting_source(const NetAddress *a) {
        NetAddress source = {};

        if (net_address_ipv4(a))
                return *a;
        ByteView v = net_address_source(a);
        memcpy(source.bytes, v.data, v.size);
        return source;
}

NetAddress waiting_peer_source(const char *peer) {
        NetAddress a;

        return net_address_parse_node(VIEW_STR(peer), &a) < 0 ? (NetAddress) {} : waiting_source(&a);
}

bool waiting_same_source(const NetAddress *a, const NetAddress *b) {
        return memcmp(a, b, sizeof(*a)) == 0;
}

unsigned waiting_source_max(unsigned max) {
        return MAX_OF(max / WAITING_SOURCE_SHARE, 1U);
}

int waiting_room(unsigned max, const WaitingPlaces *taken, EkEvidence evidence) {
        if (taken->all >= max)
                return -ENOSPC;
        if (evidence == EK_EVIDENCE_TRUSTED)
                return 0;
        if (taken->untrusted >= max - max / WAITING_RESERVED)
                return -EUSERS;
        return taken->of_source < waiting_source_max(max) ? 0 : -EDQUOT;
}

int waiting_filter_source(WaitingFilter *f, const char *text) {
        NetAddress a;

        int r = net_address_parse(VIEW_STR(text), &a);
        if (r < 0)
                return r;
        f->by_source = true;
        f->source = waiting_source(&a);
        return 0;
}

bool waiting_filter_has(const WaitingFilter *f, bool trusted, const NetAddress *source) {
        return !(f->untrusted && trusted) && (!f->by_source || waiting_same_source(source, &f->source));
}
