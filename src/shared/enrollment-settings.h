/* SPDX-License-Identifier: MIT */
#pragma once

/* enrollment.json: what an enrolment was made with. */
#include "shared/enrollment.h"

#define ENROLLMENT_SETTINGS_MAX (16U * 1024) /* bytes of the file */

int enrollment_settings_format(const Enrollment *e, Bytes *ret);
/* Fills servers, name, EK hash, key kinds and lifetime of an empty e; unknown members are for later versions.
 * -EBADMSG; what was filled until then is the caller's to free. */
int enrollment_settings_parse(ByteView text, Enrollment *e);
