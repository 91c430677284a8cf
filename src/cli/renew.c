/* SPDX-License-Identifier: MIT */
#include "cli/device.h"

int verb_renew(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_device_job_ DeviceJob *job = NULL;
        int r, status;

        cli_parse(c, argc, argv, NULL, 0, 0);
        status = device_job_listen(c, &job);
        if (status != EXIT_SUCCESS)
                return status;
        status = cli_new_call(c, ATTEZT_AGENT_INTERFACE, "Renew", &m);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_append(m, "a{sv}", 0);
        if (r < 0)
                return cli_failed(r, "make a message");
        return device_job_run(job, m, "The certificate is renewed.");
}
