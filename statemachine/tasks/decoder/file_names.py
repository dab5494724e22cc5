"""What the decoder of the video writes into its folder."""

THUMBNAIL = "thumbnail.jpg"
SHEET = "storyboard-{number}.jpg"  # from 1
