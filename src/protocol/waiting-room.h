/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may join the devices that wait for approval. Anybody can make EKs by the thousand and prove them, but no
 * certificates for them: devices without a trusted EK certificate have only a part of the places, and of those each
 * source has a few. */
#include "protocol/client-address.h"
#include "protocol/waiting-device.h"

#define WAITING_RESERVED 2U      /* one place of so many is kept for devices with a trusted EK certificate */
#define WAITING_SOURCE_SHARE 16U /* one place of so many is for a source's devices without; at least one */

/* How many wait. */
typedef struct WaitingPlaces {
        size_t all;
        size_t untrusted; /* of all: without a trusted EK certificate */
        size_t of_source; /* of untrusted: from the source of the one that comes */
} WaitingPlaces;

/* Which of those that wait. */
typedef struct WaitingFilter {
        bool untrusted; /* only those without a trusted EK certificate */
        bool by_source; /* only those of this source */
        NetAddress source;
} WaitingFilter;

/* What stands for whoever controls an address: IPv4 the address, IPv6 its /64. */
NetAddress waiting_source(const NetAddress *a);
/* The same of a peer, as a WaitingDevice has it; peers without an address are all one source, of zeros. */
NetAddress waiting_peer_source(const char *peer);
bool waiting_same_source(const NetAddress *a, const NetAddress *b);

/* How many devices without a trusted EK certificate one source may have, where max devices may wait. */
unsigned waiting_source_max(unsigned max);
/* Whether one more may wait: -ENOSPC nobody may; -EUSERS nobody without a trusted EK certificate, -EDQUOT nobody
 * without one from there. */
int waiting_room(unsigned max, const WaitingPlaces *taken, EkEvidence evidence);

/* From text, an address as of net_address_parse(): that source only. -EINVAL. */
int waiting_filter_source(WaitingFilter *f, const char *text);
bool waiting_filter_has(const WaitingFilter *f, bool trusted, const NetAddress *source);
