/* SPDX-License-Identifier: MIT */
#pragma once

/* Who has to wait. Per source (IPv4 address, IPv6 /64) only refusals count, unknown
 * devices (once each: whoever waits for approval asks again and again), and challenges that no proof followed: so
 * any number of honest devices may stand behind one address. Per device only proofs count, and only where they came
 * from: whoever sends a copy of a device's request takes nothing from it. A device that has proved itself from a source
 * before gets through there although somebody else at that source has to wait. Loopback and local sockets never wait:
 * a reverse proxy that TrustedProxies= does not name stands for too many. */
#include "http/handler.h"
#include "http/http-limits.h"
#include "protocol/public-key.h"

#define FAIRNESS_SOURCES_MAX 16384U  /* records */
#define FAIRNESS_DEVICES_MAX 65536U
#define FAIRNESS_GRANTS_MAX 256U     /* challenges under way of known devices at a source that has to wait */

typedef enum FairnessLimit {
        FAIRNESS_REFUSALS,
        FAIRNESS_UNANSWERED,
        FAIRNESS_DEVICE,
        _FAIRNESS_LIMIT_MAX,
} FairnessLimit;

typedef struct Fairness {
        RateLimit *refusals, *unanswered, *devices;
        RateLimit *waiting;                      /* unknown devices at their sources, that have been counted */
        RateLimit *grants;                       /* a /secret is let through for each */
        uint64_t limited[_FAIRNESS_LIMIT_MAX];   /* requests */
} Fairness;

int fairness_open(Fairness *f, const HttpLimits *limits);
void fairness_done(Fairness *f);

/* false: the request has been answered, with 429. For a POST /attest before and after it was looked at, for a
 * POST /secret. */
bool fairness_attest(Fairness *f, HttpRequest *r);
bool fairness_device(Fairness *f, HttpRequest *r, const PublicKey *ek);
bool fairness_secret(Fairness *f, HttpRequest *r);

/* What became of it; before it is answered. */
void fairness_refused(Fairness *f, const HttpRequest *r);
void fairness_challenged(Fairness *f, const HttpRequest *r);
void fairness_proved(Fairness *f, const HttpRequest *r, const uint8_t ek_hash[static 32]);
/* It has proved itself and is unknown: the first time that counts as something refused, and then it may ask on. */
void fairness_waiting(Fairness *f, const HttpRequest *r, const uint8_t ek_hash[static 32]);
