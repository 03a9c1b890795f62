/* Credentials: setuid, setresuid, groups, and what a plain user may not do. */
#include "check.h"
#include <grp.h>
#include <sys/resource.h>

int main(void)
{
	uid_t r, e, s;
	gid_t list[4] = { 5, 7 };
	pid_t child;

	CHECK("root", getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0);
	umask(0);
	close(open("secret", O_CREAT | O_WRONLY, 0600));
	close(open("group", O_CREAT | O_WRONLY, 0640));
	chown("group", 0, 7);
	mkdir("closed", 0700);
	close(open("closed/f", O_CREAT | O_WRONLY, 0666));
	mkdir("sticky", 01777);
	chmod("sticky", 01777);
	close(open("sticky/roots", O_CREAT | O_WRONLY, 0666));
	mkdir("readable", 0744);
	close(open("readable/f", O_CREAT | O_WRONLY, 0666));
	chmod(".", 0755);
	CHECK("setgroups", setgroups(2, list) == 0 && getgroups(4, list) == 2 && list[1] == 7);
	CHECK("seteuid", seteuid(1000) == 0 && geteuid() == 1000 && getuid() == 0);
	FAILS("no access", EACCES, open("secret", O_RDONLY));
	CHECK("access uses the real user", access("secret", R_OK) == 0);
	CHECK("and back", seteuid(0) == 0 && open("secret", O_RDONLY) >= 0);
	if ((child = fork()) == 0) {
		CHECK("setgid, setuid", setgid(1000) == 0 && setuid(1000) == 0);
		getresuid(&r, &e, &s);
		CHECK("all three", r == 1000 && e == 1000 && s == 1000);
		FAILS("no way back", EPERM, setuid(0));
		FAILS("nor so", EPERM, seteuid(0));
		FAILS("read 0600 of another", EACCES, open("secret", O_RDONLY));
		FAILS("write it", EACCES, open("secret", O_WRONLY | O_TRUNC));
		CHECK("read by a supplementary group", open("group", O_RDONLY) >= 0);
		FAILS("but not write", EACCES, open("group", O_RDWR));
		FAILS("enter 0700", EACCES, open("closed/f", O_RDONLY));
		FAILS("stat in there", EACCES, access("closed/f", F_OK));
		FAILS("create in a root-owned directory", EACCES, open("mine", O_CREAT | O_WRONLY, 0600));
		FAILS("unlink there", EACCES, unlink("secret"));
		FAILS("sticky: not mine", EPERM, unlink("sticky/roots"));
		CHECK("sticky: mine", close(open("sticky/mine", O_CREAT | O_WRONLY, 0600)) == 0 && unlink("sticky/mine") == 0);
		FAILS("readable but not searchable", EACCES, open("readable/f", O_RDONLY));
		CHECK("it can be listed", open("readable", O_RDONLY | O_DIRECTORY) >= 0);
		FAILS("chmod of another's", EPERM, chmod("secret", 0777));
		FAILS("chown", EPERM, chown("sticky", 1000, 1000));
		FAILS("kill of root's process", EPERM, kill(getppid(), SIGTERM));
		FAILS("chroot", EPERM, chroot("."));
		FAILS("a hard limit can only go down", EPERM, (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 50, 50 }), setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 60, 60 })));
		FAILS("setgroups", EPERM, setgroups(0, NULL));
		close(open("sticky/own", O_CREAT | O_WRONLY, 0600));
		chmod("sticky/own", 0000);
		FAILS("own file with mode 0", EACCES, open("sticky/own", O_RDONLY));
		_exit(check_failures != 0);
	}
	CHECK("as a user", EXITED(wait_status(child), 0));
	CHECK("root reads mode 0", open("sticky/own", O_RDONLY) >= 0);
	FAILS("but does not execute without any x", EACCES, execl("secret", "secret", NULL));
	CHECK("set-id bits are cleared by chown", close(open("suid", O_CREAT | O_WRONLY, 0755)) == 0 && chmod("suid", 06755) == 0 && chown("suid", 1000, 1000) == 0);
	struct stat st;
	stat("suid", &st);
	CHECK("mode after", (st.st_mode & 07777) == 0755 && st.st_uid == 1000);
	int f = open("suid", O_RDWR);
	symlink("suid", "l");
	CHECK("fchown", fchown(f, 12, 34) == 0 && fstat(f, &st) == 0 && st.st_uid == 12 && st.st_gid == 34);
	CHECK("lchown", lchown("l", 9, 9) == 0 && lstat("l", &st) == 0 && st.st_uid == 9 && stat("suid", &st) == 0 && st.st_uid == 12);
	CHECK("chown -1 keeps", chown("suid", -1, 56) == 0 && stat("suid", &st) == 0 && st.st_uid == 12 && st.st_gid == 56);
	DONE();
}
