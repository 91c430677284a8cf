/* SPDX-License-Identifier: MIT */
#pragma once

/* The note of when the last backup was made. It is made when whoever took a backup says that it is kept: what was only
 * handed out may have met a full disk. */
#include "server/server-state.h"

#define BACKUP_WORDS_MAX 8U                           /* backups that are being written at a time */
#define BACKUP_WORD_USEC (60ULL * 60 * 1000 * 1000)   /* for writing one */
#define BACKUP_WORD_KEPT 'k'                          /* the caller's byte, and ours when it is noted */

/* fd: a socket, taken in any case. A byte that comes through it makes the note, and is answered; its end is none. */
int backup_await_word(Server *s, int fd);
bool backup_awaits_word(const Server *s);
void backup_forget_words(Server *s);
