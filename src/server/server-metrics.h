/* SPDX-License-Identifier: MIT */
#pragma once

/* What atteztd tells on its metrics socket: numbers, no identities. */
#include "protocol/openmetrics.h"

void server_metrics(Metrics *m, void *server);
