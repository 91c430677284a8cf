/* SPDX-License-Identifier: MIT */
#pragma once

/* A copy of the certificate that nobody but root can have put there, for programs that run as root: where the original
 * is, user attezt-tpm could have left a link to anything. */
#include "shared/enrollment.h"

#define CERTIFICATE_COPY "device.crt"

/* Into to_dir. Links are not followed. -ELOOP: there was one. */
int certificate_copy(const char *state_dir, const EnrollmentVersion *v, const char *to_dir);
