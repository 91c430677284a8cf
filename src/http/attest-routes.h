/* SPDX-License-Identifier: MIT */
#pragma once

/* What the front does with a request: the conductor of the journey of an AK certificate on this side. */
#include "http/front.h"

/* For http_server_new(), with a Front. */
extern const HttpRoute attest_routes[];
