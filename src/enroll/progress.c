/* SPDX-License-Identifier: MIT */
#include "enroll/progress.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "shared/tpm-device.h"

/* The signal handler needs its reports ready made. */
static struct {
        int fd;
        unsigned seconds;
        struct timespec deadline;
        Bytes overdue; /* the job's deadline */
        Bytes tpm;     /* a TPM command's alarm */
} progress = { .fd = -EBADF };

static void send_packet(ByteView packet) {
        (void) send(progress.fd, packet.data, packet.size, MSG_NOSIGNAL);
}

static void handle_alarm(int number, siginfo_t *info, void *context) {
        const Bytes *last = info->si_code == SI_TIMER ? &progress.overdue : &progress.tpm;
        (void) send(progress.fd, last->data, last->size, MSG_NOSIGNAL | MSG_DONTWAIT);
        _exit(EXIT_FAILURE);
}

static void prepare(Bytes *packet, JobOutcome outcome, const char *text) {
        Report report = { .type = REPORT_DONE, .outcome = outcome };
        Bytes next = BYTES_NULL;

        (void) snprintf(report.text, sizeof(report.text), "%s", text);
        if (report_encode(&report, &next) < 0)
                return; /* the one before will do */
        bytes_done(packet);
        *packet = next;
}

static void prepare_last_words(JobStep step) {
        char text[REPORT_TEXT_MAX];
        sigset_t set, before;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGALRM);
        (void) sigprocmask(SIG_BLOCK, &set, &before);
        (void) snprintf(text, sizeof(text), "Gave up after %u seconds, in the step: %s", progress.seconds,
                        job_step_to_text(step));
        prepare(&progress.overdue, OUTCOME_TIMEOUT, text);
        (void) snprintf(text, sizeof(text), "The TPM did not answer for %u seconds, in the step: %s",
                        TPM_COMMAND_SECONDS, job_step_to_text(step));
        prepare(&progress.tpm, OUTCOME_NO_TPM, text);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
}

int progress_start(int fd, unsigned deadline_seconds) {
        struct sigaction action = { .sa_sigaction = handle_alarm, .sa_flags = SA_SIGINFO | SA_RESTART };
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
        struct itimerspec when = { .it_value.tv_sec = (time_t) deadline_seconds };
        timer_t timer;

        progress.fd = fd;
        progress.seconds = deadline_seconds;
        if (clock_gettime(CLOCK_BOOTTIME, &progress.deadline) < 0)
                return -errno;
        progress.deadline.tv_sec += (time_t) deadline_seconds;
        prepare_last_words(STEP_TPM);
        if (sigaction(SIGALRM, &action, NULL) < 0 || timer_create(CLOCK_BOOTTIME, &event, &timer) < 0 ||
            timer_settime(timer, 0, &when, NULL) < 0)
                return -errno;
        return 0;
}

unsigned progress_left(void) {
        struct timespec now;

        if (clock_gettime(CLOCK_BOOTTIME, &now) < 0 || now.tv_sec >= progress.deadline.tv_sec)
                return 1;
        return (unsigned) (progress.deadline.tv_sec - now.tv_sec);
}

static void send_report(const Report *report) {
        _cleanup_bytes_ Bytes packet = BYTES_NULL;
        if (report_encode(report, &packet) >= 0)
                send_packet(bytes_view(&packet));
}

static volatile sig_atomic_t told_to_end;

static void handle_end(int number) {
        told_to_end = true;
}

/* No SA_RESTART: whoever waits is woken. */
void progress_catch_end(void) {
        const struct sigaction action = { .sa_handler = handle_end };
        (void) sigaction(SIGTERM, &action, NULL);
}

bool progress_told_to_end(void) {
        return told_to_end;
}

void progress_step(JobStep step) {
        prepare_last_words(step);
        send_report(&(Report) { .type = REPORT_STEP, .step = step });
}

void progress_identity(const uint8_t ek_hash[static 32], KeyType type, bool certificate) {
        Report report = { .type = REPORT_IDENTITY, .ek_type = type, .ek_certificate = certificate };
        memcpy(report.ek_hash, ek_hash, sizeof(report.ek_hash));
        send_report(&report);
}

void progress_done(const Failure *f) {
        Report report = {
                .type = REPORT_DONE,
                .outcome = f->outcome,
                .no_network = f->no_network,
                .retry_after = f->retry_after,
        };
        (void) snprintf(report.text, sizeof(report.text), "%s", f->text);
        send_report(&report);
}
