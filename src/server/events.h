/* SPDX-License-Identifier: MIT */
#pragma once

/* MESSAGE_ID of what the journal is asked for. Fields: ATTEZT_EK= (hash), ATTEZT_DEVICE= (first name),
 * ATTEZT_SERIAL=, ATTEZT_ISSUER= (of an EK certificate, a claim), ATTEZT_PEER= (address), ATTEZT_CERTIFICATE= (SHA-256
 * of one of the trust store), ATTEZT_UID= (of who changed it). */
#include <systemd/sd-id128.h>

#define EVENT_ISSUED SD_ID128_MAKE(d4,c6,f0,3e,74,ae,4e,4c,b3,34,af,7c,6f,c7,a3,99)
#define EVENT_DENIED SD_ID128_MAKE(fe,6d,9a,66,f6,a0,41,49,82,a9,d2,15,f3,e8,af,86)
#define EVENT_CA_CREATED SD_ID128_MAKE(55,e2,88,0a,cb,a1,4d,34,84,04,7f,00,a3,d6,45,f6)
#define EVENT_ENROLLED SD_ID128_MAKE(11,00,e2,a2,d2,4a,49,e6,a5,bd,8e,fd,cd,5b,1c,36)
#define EVENT_REMOVED SD_ID128_MAKE(fd,9b,da,3c,dc,f5,4f,c3,a2,8b,67,e2,87,27,08,c5)
#define EVENT_NAME_ALLOWED SD_ID128_MAKE(17,0a,36,a5,40,00,4a,c3,98,18,1a,55,4a,93,32,dd)
#define EVENT_NAME_DENIED SD_ID128_MAKE(d5,aa,4f,48,c6,d8,41,4e,a0,17,3f,07,60,9d,27,06)
#define EVENT_CHANGED SD_ID128_MAKE(3b,91,5e,0c,d4,27,46,8a,9f,10,b6,e5,72,08,cd,41)
#define EVENT_IMPORTED SD_ID128_MAKE(e4,57,12,8b,96,3a,4c,d1,a8,05,7f,c2,19,be,60,3d)
#define EVENT_WAITING SD_ID128_MAKE(72,c0,8a,15,fe,63,41,d7,90,2d,b4,1c,6f,e9,53,08)
#define EVENT_APPROVED SD_ID128_MAKE(0f,b8,67,3a,21,cc,4e,95,b3,7e,40,d9,8a,12,f5,6c)
#define EVENT_REFUSED SD_ID128_MAKE(c6,14,e9,7d,50,82,4b,f1,a4,68,3c,05,d2,be,97,1f)
#define EVENT_REPLACED SD_ID128_MAKE(a0,6d,f3,18,5c,b9,4e,02,87,4b,2e,91,dd,36,70,fa)
#define EVENT_TRUST_CHANGED SD_ID128_MAKE(f4,92,da,ad,c4,a5,4c,e9,95,9f,3e,79,96,2a,e4,bd)
