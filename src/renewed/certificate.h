/* SPDX-License-Identifier: MIT */
#pragma once

/* The certificate, read by root where user attezt-tpm could have left a link to anything. */
#include "shared/enrollment.h"

/* Links are not followed: -ELOOP. -EBADMSG: not certificates in PEM. */
int certificate_read(const char *state_dir, const EnrollmentVersion *v, Bytes *ret_pem);
