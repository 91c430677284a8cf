/* SPDX-License-Identifier: MIT */
#pragma once

/* POST /webhook: step-ca asks whether it may sign; whether the name is that of a live entry decides atteztd. */
#include "http/handler.h"

#define WEBHOOK_PATH "/webhook"

void webhook_on_request(HttpRequest *r, void *front);
