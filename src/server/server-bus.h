/* SPDX-License-Identifier: MIT */
#pragma once

/* dev.attezt.Server1: connection, name, vtable and access table. */
#include "server/server.h"

/* Connects and asks for the name; what fails is told and tried again, while devices are served. */
int server_bus_open(Server *s);
