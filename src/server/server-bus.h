/* SPDX-License-Identifier: MIT */
#pragma once

/* dev.attezt.Server1: connection, name, vtable and access table. */
#include "server/server.h"

/* Connects and asks for the name; both end later, in the loop, which is left when they fail. Tells what fails. */
int server_bus_open(Server *s);
