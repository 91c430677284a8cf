/* SPDX-License-Identifier: MIT */
#pragma once

/* p11-kit's RPC protocol, as p11-kit-client 0.23 to 0.26 speak it: frames, arguments, attributes, mechanisms. All
 * numbers are big-endian. We always answer with version 0. */
#include "shared/bytes.h"

#define PKCS11_FRAME_MAX (64U * 1024)  /* bytes, header and all, that a client may send */
#define PKCS11_FRAME_HEADER 12U        /* code, size of the options, size of the body */
#define PKCS11_VERSION 0U              /* what we answer to any version byte */

/* How long the frame is that input begins with: 0 and the size, which may be more than there is; -EAGAIN: the
 * header is not whole; -EBADMSG: no frame (code 0), or one beyond PKCS11_FRAME_MAX. */
int pkcs11_frame_size(ByteView input, size_t *ret);
