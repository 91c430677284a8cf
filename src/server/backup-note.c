/* SPDX-License-Identifier: MIT */
#include "server/backup-note.h"

#include <sys/socket.h>

#include "shared/files.h"
#include "shared/log.h"

#define NOTE_FILE "last-backup"

struct BackupWord {
        Server *server;
        BackupWord *next, **self;
        int fd;
        sd_event_source *word, *deadline;
};

static void word_free(BackupWord *w) {
        *w->self = w->next;
        if (w->next)
                w->next->self = w->self;
        sd_event_source_disable_unref(w->word);
        sd_event_source_disable_unref(w->deadline);
        closep(&w->fd);
        free(w);
}

/* For whoever wants to know whether there is one, and since when: the file's time. */
static int note(const Server *s) {
        _cleanup_free_ char *dir = NULL, *file = NULL;

        int r = path_join(s->settings->state_dir, SERVER_PUBLIC_DIR, &dir);
        if (r >= 0)
                r = path_join(dir, NOTE_FILE, &file);
        return r < 0 ? r : file_write_atomic_path(file, 0644, VIEW_STR(""));
}

static int on_word(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        BackupWord *w = userdata;
        char word = 0;

        ssize_t n = recv(fd, &word, 1, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n == 1 && word == BACKUP_WORD_KEPT) {
                int r = note(w->server);
                if (r < 0)
                        log_error_errno(r, "Could not note that there is a backup: %m");
                else
                        (void) send(fd, &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else
                log_notice("Whoever took a backup has not kept it.");
        word_free(w);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        word_free(userdata);
        return 0;
}

int backup_await_word(Server *s, int fd) {
        unsigned n = 0;

        for (const BackupWord *w = s->backup_words; w; w = w->next)
                n++;
        BackupWord *w = n < BACKUP_WORDS_MAX ? calloc(1, sizeof(*w)) : NULL;
        if (!w) {
                closep(&fd);
                return n < BACKUP_WORDS_MAX ? -ENOMEM : -EBUSY;
        }
        *w = (BackupWord) { .server = s, .next = s->backup_words, .self = &s->backup_words, .fd = fd };
        if (w->next)
                w->next->self = &w->next;
        s->backup_words = w;
        int r = sd_event_add_io(s->event, &w->word, fd, EPOLLIN, on_word, w);
        if (r >= 0)
                r = sd_event_add_time_relative(s->event, &w->deadline, CLOCK_BOOTTIME, BACKUP_WORD_USEC, 0, on_deadline, w);
        if (r < 0)
                word_free(w);
        return r;
}

bool backup_awaits_word(const Server *s) {
        return s->backup_words;
}

void backup_forget_words(Server *s) {
        while (s->backup_words)
                word_free(s->backup_words);
}
