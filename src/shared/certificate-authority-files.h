/* SPDX-License-Identifier: MIT */
#pragma once

/* Names in the CA's directory. */
#define CA_ROOT_CERTIFICATE "root.pem"
#define CA_ROOT_KEY "root.key"
#define CA_CERTIFICATE "intermediate.pem"
#define CA_KEY "intermediate.key"
#define CA_NEXT_CERTIFICATE "next.pem" /* of a rotation under way */
#define CA_NEXT_KEY "next.key"
#define CA_RETIRED "retired-"          /* and a serial number, and .pem or .key */
