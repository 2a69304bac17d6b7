"""The process that decodes and draws pictures: see `pictures`; what bounds it is `bounded`."""

from pioche.render import bounded, posters, reencoding
from pioche.render.bounded import Fetch
from pioche.render.pictures import AttachmentJob, AvatarJob, Picture, PictureJob, PosterJob, SocialJob


def perform(job: PictureJob) -> Picture:
    match job:
        case AvatarJob():
            return reencoding.avatar(job)
        case AttachmentJob():
            return reencoding.attachment(job)
        case SocialJob():
            return reencoding.social(job)
        case PosterJob():
            return posters.poster(job)


def main() -> None:
    def make(job: PictureJob, _fetch: Fetch) -> object:
        return perform(job)

    bounded.serve(PictureJob, make)


if __name__ == "__main__":
    main()
