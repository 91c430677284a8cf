/* SPDX-License-Identifier: MIT */
#pragma once

/* What the front's routes share. */
#include "http/backend.h"
#include "http/fairness.h"
#include "http/http.h"
#include "http/public-files.h"
#include "http/webhook-auth.h"

typedef struct Front {
        PublicFiles files;
        WebhookAuth webhook;
        Backend *backend;
        Fairness fairness;
        int64_t waiting_retry_sec; /* what a device is told that waits for approval */
} Front;
