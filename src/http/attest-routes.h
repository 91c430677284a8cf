/* SPDX-License-Identifier: MIT */
#pragma once

/* What the front does with a request: the conductor of the journey of an AK certificate on this side. */
#include "http/backend.h"
#include "http/http.h"
#include "http/public-files.h"

typedef struct Front {
        PublicFiles files;
        Backend *backend;
} Front;

/* For http_server_new(), with a Front. */
extern const HttpRoute attest_routes[];
